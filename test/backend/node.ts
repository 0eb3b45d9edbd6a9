// The RVI node of the vehicle and the link to the one of the backend, without any I/O (protocol 1):
// what a client registers, what its calls are answered, what is delivered, queued and lost. The
// edges (`edge-http.ts`, `edge-ws.ts`) carry its texts.
import { hasSurrogateEscape } from './crash-rules.ts';
import { isBody } from './dialect.ts';
import { answer, asErlang, leftMsOf } from './node-calls.ts';
import { nodeRules } from './node-rules.ts';
import type { Body } from './dialect.ts';
import type { Reply, Result, Route, RouteOf } from './node-calls.ts';
import type { NodeKind } from './node-rules.ts';

/** What happens to one message between the nodes; `delay` is also how order is lost. */
export type Fault =
  | { readonly kind: 'pass' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'twice' }
  | { readonly kind: 'delay'; readonly delayMs: number };

export type Passing = {
  /** `in`: from the vehicle to the server. */
  readonly direction: 'in' | 'out';
  readonly service: string;
  readonly parameters: unknown;
};

export type NodeOptions = {
  readonly kind: NodeKind;
  /** `genivi.org/vin/<VIN>`; what a client registers stands behind it. */
  readonly prefix: string;
  /** Full names of the backend's services. */
  readonly backend: readonly string[];
  readonly fault?: (message: Passing) => Fault;
  /** Each delivery is a process of its own there, so that they overtake each other (1.6). */
  readonly jitterMs?: number;
};

export type NodePorts = {
  readonly nowMs: () => number;
  readonly after: (delayMs: number, act: () => void) => () => void;
  /** A message that has reached the backend. */
  readonly onMessage: (fullName: string, parameters: unknown) => void;
  readonly onRegistered: (service: string) => void;
};

export type RviNode = {
  /** A call in JSON-RPC. */
  call(text: string, routeOf: RouteOf): Reply;
  /** The same, once it is read: what edges with another spelling use. */
  perform(method: string, params: Body, routeOf: RouteOf): Result;
  /** From the backend to the vehicle. */
  deliver(service: string, parameters: unknown, ttlMs: number): void;
  /** The node restarts: what is registered and queued here is gone, and nobody is told. */
  restart(): void;
  /** Only its service edge does: it lists what it no longer delivers to (protocol 1.2). */
  crash(): void;
  /** The link between the nodes; while it is down both sides queue (protocol 1.8). */
  setLink(isUp: boolean): void;
  /** The server registers again: one announcement a service (protocol 1.5). */
  announce(): void;
  /** Short names of what is registered now. */
  readonly registered: () => readonly string[];
  /** Messages that nobody will ever get. */
  readonly lost: () => number;
};

type Queued = { readonly name: string; readonly expiresMs: number; readonly go: () => void };

const pass: Fault = { kind: 'pass' };
/** `erlang:send_after` takes no more; less than nothing neither (protocol 1.7). */
const erlangTimerMsMax = 2 ** 32 - 1;

export function createNode(options: NodeOptions, ports: NodePorts): RviNode {
  const rules = nodeRules[options.kind];
  const prefix = options.prefix.replace(/\/?$/, '/');
  const routes = new Map<string, Route>();
  /** Names the backend's node has heard of; those of the others it queues for. */
  const known = new Set<string>();
  let toVehicle: Queued[] = [];
  let toBackend: Queued[] = [];
  let isLinked = true;
  let transactions = 0;
  let lost = 0;

  const { jitterMs = 0 } = options;
  let drawn = 1;

  /** The same in each run; the constants are those of the C standard's sample. */
  function jitter(): number {
    drawn = (Math.imul(drawn, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (drawn >>> 16) % (jitterMs + 1);
  }

  const fullName = (service: string) => `${prefix}${service.replace(/^\//, '')}`;

  function call(text: string, routeOf: RouteOf): Reply {
    if (rules.isErlangFragile && hasSurrogateEscape(text)) crash();
    return answer(rules, text, (method, params) => perform(method, params, routeOf));
  }

  function perform(method: string, params: Body, routeOf: RouteOf): Result {
    switch (method) {
      case 'register_service':
        return register(params['service'], routeOf(params));
      case 'unregister_service':
        return unregister(params['service']);
      case 'get_available_services':
        return { status: 0, services: [...known, ...(isLinked ? options.backend : [])] };
      case 'get_node_service_prefix':
        return rules.isMethodNamed ? { status: 0, node_service_prefix: prefix } : { status: 1 };
      case 'message':
        return message(params);
      default:
        // A result, and no error (protocol 1.1).
        return { status: 1 };
    }
  }

  function register(service: unknown, route: Route | undefined): Result {
    if (typeof service !== 'string' || route === undefined) return undefined;
    const full = fullName(service);
    routes.set(full, route);
    known.add(full);
    ports.after(0, flush);
    ports.onRegistered(service);
    return rules.hasTransactions ? { status: 0, service: full } : { service: full, status: 0 };
  }

  /** By the full name only; with the short one it answers 0 and does nothing (protocol 1.3). */
  function unregister(service: unknown): Result {
    if (typeof service !== 'string') return undefined;
    routes.delete(service);
    known.delete(service);
    return { status: 0 };
  }

  /** Status 0 only means "queued", also for names that nobody serves (protocol 1.6). */
  function message(params: Body): Result {
    const { service_name: name, timeout, parameters } = params;
    if (typeof name !== 'string' || timeout === undefined || parameters === undefined) {
      return undefined;
    }
    if (typeof timeout !== 'number') {
      if (!rules.isErlangFragile) return undefined;
      crash();
      return 'crash';
    }
    if (rules.isErlangFragile && isBody(parameters)) return schedulerCrash();
    const leftMs = leftMsOf(timeout, ports.nowMs());
    const go = faulty('in', name, params, () => ports.onMessage(name, asSent(parameters)));
    if (isLinked && options.backend.includes(name)) {
      // It arrives although it may be too old: age counts while it is queued (protocol 1.6).
      ports.after(0, go);
    } else if (rules.isErlangFragile && (leftMs < 0 || leftMs > erlangTimerMsMax)) {
      crash();
      return 'crash';
    } else toBackend.push({ name, expiresMs: ports.nowMs() + leftMs, go });
    transactions += 1;
    return rules.hasTransactions ? { status: 0, transaction_id: transactions } : { status: 0 };
  }

  const asSent = (parameters: unknown) =>
    rules.isErlangFragile ? asErlang(parameters) : parameters;

  function deliver(service: string, parameters: unknown, ttlMs: number): void {
    const passing = { service_name: service, parameters: asSent(parameters) };
    // The id of a delivery is always the integer 1 (protocol 1.1).
    const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'message', params: passing });
    const name = fullName(service);
    const post = () => {
      const route = routes.get(name);
      // "Service Disappeared": announced once, and not there any more.
      if (route === undefined) lost += 1;
      else if (jitterMs === 0) route.post(text);
      else ports.after(jitter(), () => route.post(text));
    };
    const go = faulty('out', service, passing, post);
    toVehicle.push({ name, expiresMs: ports.nowMs() + ttlMs, go });
    flush();
  }

  function faulty(direction: 'in' | 'out', service: string, { parameters }: Body, go: () => void) {
    return () => {
      const fault = options.fault?.({ direction, service, parameters }) ?? pass;
      if (fault.kind === 'drop') lost += 1;
      else if (fault.kind === 'delay') ports.after(fault.delayMs, go);
      else go();
      if (fault.kind === 'twice') go();
    };
  }

  /** All that can go goes at once, in no order of its own. */
  function flush(): void {
    const isYoung = ({ expiresMs }: Queued) => expiresMs > ports.nowMs();
    const young = { toVehicle: toVehicle.filter(isYoung), toBackend: toBackend.filter(isYoung) };
    lost += toVehicle.length - young.toVehicle.length;
    lost += toBackend.length - young.toBackend.length;
    const canGo = (names: { has(name: string): boolean }) => (queued: Queued) =>
      isLinked && names.has(queued.name);
    const [inbound, outbound] = [canGo(known), canGo(new Set(options.backend))];
    toVehicle = young.toVehicle.filter((queued) => !inbound(queued));
    toBackend = young.toBackend.filter((queued) => !outbound(queued));
    for (const { go } of young.toVehicle.filter(inbound)) go();
    for (const { go } of young.toBackend.filter(outbound)) go();
  }

  function setLink(isUp: boolean): void {
    if (isUp === isLinked) return;
    isLinked = isUp;
    tell(isUp ? 'services_available' : 'services_unavailable');
    flush();
  }

  /** Each service by itself, to each client that is registered now (protocol 1.5). */
  function tell(method: 'services_available' | 'services_unavailable'): void {
    const clients = new Map([...routes.values()].map((route) => [route.name, route]));
    for (const route of clients.values()) {
      for (const service of options.backend) {
        const params = { services: [service] };
        route.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
      }
    }
  }

  function crash(): void {
    routes.clear();
    schedulerCrash();
  }

  function schedulerCrash(): 'crash' {
    lost += toBackend.length;
    toBackend = [];
    transactions = 0;
    return 'crash';
  }

  function restart(): void {
    crash();
    known.clear();
  }

  return {
    call,
    perform,
    deliver,
    restart,
    crash,
    setLink,
    announce: () => (isLinked ? tell('services_available') : undefined),
    registered: () => [...routes.keys()].map((name) => `/${name.slice(prefix.length)}`),
    lost: () => lost,
  };
}
