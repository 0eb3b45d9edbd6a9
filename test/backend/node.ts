// The RVI node of the vehicle and its link to the node of the backend, without any I/O (protocol
// 1): registrations, answers to calls, and which messages are delivered, queued or lost. The edges
// (`edge-http.ts`, `edge-ws.ts`) carry its texts.
import { hasSurrogateEscape } from './crash-rules.ts';
import { isBody } from './dialect.ts';
import { answer, asErlang, leftMsOf } from './node-calls.ts';
import { nodeRules } from './node-rules.ts';
import type { Body } from './dialect.ts';
import type { Reply, Result, Route, RouteOf } from './node-calls.ts';
import type { NodeKind } from './node-rules.ts';

/** What happens to one message between the nodes; `delay` also changes the order. */
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
  /** `genivi.org/vin/<VIN>`; the name of a service follows it. */
  readonly prefix: string;
  /** Full names of the backend's services. */
  readonly backend: readonly string[];
  readonly fault?: (message: Passing) => Fault;
  /**
   * Each delivery is a process in the node, so that deliveries overtake each other (protocol 1.6).
   */
  readonly jitterMs?: number;
};

export type NodePorts = {
  readonly nowMs: () => number;
  readonly after: (delayMs: number, act: () => void) => () => void;
  /** Gets each message that has reached the backend. */
  readonly onMessage: (fullName: string, parameters: unknown) => void;
  readonly onRegistered: (service: string) => void;
};

export type RviNode = {
  /** Runs a call in JSON-RPC. */
  call(text: string, routeOf: RouteOf): Reply;
  /** Runs a parsed call; for edges with another format. */
  perform(method: string, params: Body, routeOf: RouteOf): Result;
  /** Delivers from the backend to the vehicle. */
  deliver(service: string, parameters: unknown, ttlMs: number): void;
  /** Restarts the node: its registrations and its queue are lost, without a message to clients. */
  restart(): void;
  /**
   * Restarts only the service edge: the node lists services that it does not deliver to (protocol
   * 1.2).
   */
  crash(): void;
  /** Sets the link between the nodes; while it is down both sides queue (protocol 1.8). */
  setLink(isUp: boolean): void;
  /** Registers the services of the server again: one announcement for each (protocol 1.5). */
  announce(): void;
  /** Short names of the registered services. */
  readonly registered: () => readonly string[];
  /** The number of lost messages. */
  readonly lost: () => number;
};

type Queued = { readonly name: string; readonly expiresMs: number; readonly go: () => void };

const pass: Fault = { kind: 'pass' };
/** The limit of `erlang:send_after`; a negative time crashes it, too (protocol 1.7). */
const erlangTimerMsMax = 2 ** 32 - 1;

export function createNode(options: NodeOptions, ports: NodePorts): RviNode {
  const rules = nodeRules[options.kind];
  const prefix = options.prefix.replace(/\/?$/, '/');
  const routes = new Map<string, Route>();
  /** The vehicle's services that the backend's node has; messages for others wait there. */
  const known = new Set<string>();
  let toVehicle: Queued[] = [];
  let toBackend: Queued[] = [];
  let isLinked = true;
  let transactions = 0;
  let lost = 0;

  const { jitterMs = 0 } = options;
  let drawn = 1;

  /** Deterministic; the constants are those of the sample in the C standard. */
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
        // A result, and not an error (protocol 1.1).
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

  /**
   * Works with the full name only; for the short one it answers 0 and does nothing (protocol 1.3).
   */
  function unregister(service: unknown): Result {
    if (typeof service !== 'string') return undefined;
    routes.delete(service);
    known.delete(service);
    return { status: 0 };
  }

  /** Status 0 only means "queued", also for names without a registered service (protocol 1.6). */
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
      // It arrives although it may have expired: only queued messages expire (protocol 1.6).
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
      // "Service Disappeared": announced before, and not registered.
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

  /** Sends every queued message that has a route, in random order. */
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

  /** Announces each service separately, to each registered client (protocol 1.5). */
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
