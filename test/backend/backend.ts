// Runs a node and a server in one process, for tests and for `make backend`. The timers of the
// server may run faster than real time (`secondMs`); the timers of the node do not.
import { crashesOf } from './crash-rules.ts';
import { isBody } from './dialect.ts';
import { createHttpEdge } from './edge-http.ts';
import { createRviTongue } from './edge-rvi.ts';
import { createJsonRpcTongue, createWsEdge } from './edge-ws.ts';
import { nodeRules } from './node-rules.ts';
import { prefixOf } from './dialects.ts';
import { createNode } from './node.ts';
import { createServer } from './server.ts';
import { createWatch } from './watch.ts';
import type { Body, Grammar } from './dialect.ts';
import type { DialectName } from './dialects.ts';
import type { Edge } from './edge-http.ts';
import type { NodeKind } from './node-rules.ts';
import type { Fault, Passing, RviNode } from './node.ts';
import type { PackageId } from './package.ts';
import type { SeenMessage } from './seen.ts';
import type { ServerKind } from './server-rules.ts';
import type { Server } from './server.ts';

export type TransportName = 'http' | 'ws' | 'rvi';

export type BackendOptions = {
  /** `ws`: JSON-RPC over a WebSocket. `rvi`: the WebSocket format of node 0.4 or 0.5.1. */
  readonly transport?: TransportName;
  readonly node?: NodeKind;
  readonly server?: ServerKind;
  readonly dialect?: DialectName;
  readonly vin?: string;
  /** The UUID of the device, for P3. */
  readonly device?: string;
  /** If 0 or absent, the kernel chooses the port. */
  readonly port?: number;
  /** The duration of one second of the server, in milliseconds. */
  readonly secondMs?: number;
  readonly grammar?: Partial<Grammar>;
  /** `parameters` of abort and getpackages; the default is `[null]`. */
  readonly nothing?: readonly unknown[];
  /**
   * An adapter in front of the server that wraps a bare object in a list. Without it a server
   * cannot read what a 0.5.1 node receives over its WebSocket (protocol 1.9 and 2).
   */
  readonly hasAdapter?: boolean;
  /**
   * The maximum random delay of a delivery, so that deliveries overtake each other (protocol 1.6).
   */
  readonly jitterMs?: number;
  readonly fault?: (message: Passing) => Fault;
  readonly onSeen?: (message: SeenMessage) => void;
  readonly onRegistered?: (service: string) => void;
};

export type Backend = {
  readonly node: RviNode;
  readonly server: Server;
  /** For the agent's `rvi.url`; available after `start`, and unchanged by a restart. */
  readonly url: string;
  start(): Promise<void>;
  /** Closes every connection and timer; pending waits fail. */
  stop(): Promise<void>;
  /** Removes the registrations and closes the connections; listens again after `downMs`. */
  restartNode(downMs?: number): Promise<void>;
  /** Drops the transfers; messages that arrive before the restart are lost. */
  restartServer(downMs?: number): Promise<void>;
  /** Closes the connections of the client; the node keeps running. */
  disconnect(): void;
  /** Resolves when all six services of the vehicle are registered. */
  registered(limitMs?: number): Promise<void>;
  /** Like `registered`, but ignores earlier registrations. */
  registeredAgain(limitMs?: number): Promise<void>;
  /** Resolves when `holds` is true. Checks after every message, registration and failure. */
  until(what: string, holds: (server: Server) => boolean, limitMs?: number): Promise<void>;
  /** The number of chunks that were sent again. */
  chunksRepeated(): number;
  /** Deliveries that failed, with the reason: refused, closed, no answer within a second. */
  readonly failures: readonly string[];
  /** Messages of the client that crash a node or that a node ignores, with the reason. */
  readonly crashes: readonly string[];
  /** The number of calls of the client. */
  heard(): number;
};

export const defaultVin = 'V1234567890123456';
export const defaultDevice = '123e4567-e89b-42d3-a456-426655440000';
export const vehicleServices: readonly string[] = [
  'notify',
  'start',
  'chunk',
  'finish',
  'getpackages',
  'abort',
].map((name) => `/sota/${name}`);

const prefix = 'genivi.org/backend';

/** What an adapter between node 0.5.1 and a server does: each value is a JSON text. */
function adapted(parameters: Body): Body {
  const entries = Object.entries(parameters).map(([name, value]) => [
    name,
    typeof value === 'string' ? JSON.parse(value) : value,
  ]);
  return Object.fromEntries(entries);
}

export function createBackend(options: BackendOptions = {}): Backend {
  const kind = options.node ?? '0.4';
  const dialect = options.dialect ?? 'P1';
  const [vin, device] = [options.vin ?? defaultVin, options.device ?? defaultDevice];
  const secondMs = options.secondMs ?? 1_000;
  const failures: string[] = [];
  const crashes: string[] = [];
  let heard = 0;
  const pending = new Set<() => void>();
  const registrations = new Map<string, number>();
  const watch = createWatch(() => server.log);
  let isServerUp = true;

  const node = createNode(
    {
      kind,
      prefix: prefixOf(dialect, vin, device),
      backend: ['start', 'ack', 'report', 'packages'].map((name) => `${prefix}/sota/${name}`),
      ...(options.fault === undefined ? {} : { fault: options.fault }),
      jitterMs: options.jitterMs ?? 0,
    },
    {
      nowMs: () => Date.now(),
      after,
      onMessage: (name, parameters) => {
        const isBare = options.hasAdapter === true && isBody(parameters);
        const given = isBare ? [adapted(parameters)] : parameters;
        if (isServerUp) server.receive(name.slice(prefix.length), given);
      },
      onRegistered: (service) => {
        registrations.set(service, timesRegistered(service) + 1);
        options.onRegistered?.(service);
        watch.changed();
      },
    },
  );
  const server = createServer(
    {
      kind: options.server ?? 'S-C',
      dialect,
      prefix,
      grammar: options.grammar ?? {},
      nothing: options.nothing ?? [null],
    },
    {
      now: () => performance.now(),
      after: (delayMs, act) => after((delayMs * secondMs) / 1_000, act),
      send: node.deliver,
      onSeen: (message) => {
        options.onSeen?.(message);
        watch.changed();
      },
    },
  );
  const edge = createEdge();

  const spelling = options.transport !== 'rvi' ? 'jsonrpc' : kind === '0.4' ? 'rvi-0.4' : 'rvi-0.5';
  function note(text: string): void {
    heard += 1;
    const found = crashesOf(text, spelling, Date.now());
    crashes.push(...found.map((rule) => `${rule}: ${text.slice(0, 1_000)}`));
  }

  function createEdge(): Edge {
    const edgeOptions = {
      port: options.port ?? 0,
      call: node.call,
      onHeard: note,
      onFailed: (reason: string) => {
        failures.push(reason);
        watch.changed();
      },
    };
    switch (options.transport ?? 'http') {
      case 'http':
        return createHttpEdge(edgeOptions, nodeRules[kind].isContentTypeExact);
      case 'ws':
        return createWsEdge(edgeOptions, createJsonRpcTongue(node.call));
      case 'rvi':
        return createWsEdge(edgeOptions, createRviTongue(kind, node));
    }
  }

  function after(delayMs: number, act: () => void): () => void {
    const run = () => {
      pending.delete(cancel);
      act();
    };
    // A timer of 0 takes a millisecond, which would delay each chunk.
    const timer = delayMs === 0 ? undefined : setTimeout(run, delayMs);
    const immediate = delayMs === 0 ? setImmediate(run) : undefined;
    const cancel = () => {
      pending.delete(cancel);
      clearTimeout(timer);
      clearImmediate(immediate);
    };
    pending.add(cancel);
    return cancel;
  }

  const down = (delayMs: number) => new Promise<void>((done) => void after(delayMs, done));

  async function restartNode(downMs = 0): Promise<void> {
    await edge.stop();
    node.restart();
    await down(downMs);
    await edge.start();
  }

  async function restartServer(downMs = 0): Promise<void> {
    server.restart();
    isServerUp = false;
    await down(downMs);
    isServerUp = true;
    node.announce();
  }

  async function stop(): Promise<void> {
    server.restart();
    for (const cancel of pending) cancel();
    watch.end();
    await edge.stop();
  }

  const timesRegistered = (service: string) => registrations.get(service) ?? 0;
  const isRegistered = () => vehicleServices.every((name) => node.registered().includes(name));

  function registeredAgain(limitMs?: number): Promise<void> {
    const before = vehicleServices.map(timesRegistered);
    const isAgain = () =>
      vehicleServices.every((service, at) => timesRegistered(service) > (before[at] ?? 0));
    return watch.until('six services registered again', isAgain, limitMs);
  }

  return {
    node,
    server,
    get url() {
      return edge.url();
    },
    start: edge.start,
    stop,
    restartNode,
    restartServer,
    disconnect: edge.disconnect,
    registered: (limitMs) => watch.until('six services registered', isRegistered, limitMs),
    registeredAgain,
    until: (what, holds, limitMs) => watch.until(what, () => holds(server), limitMs),
    chunksRepeated: () => [...server.sent.values()].reduce((sum, times) => sum + times - 1, 0),
    failures,
    crashes,
    heard: () => heard,
  };
}

export function isReported(server: Server, { id }: { readonly id: PackageId }): boolean {
  return server.outcomes.some((one) => one.id.name === id.name && one.id.version === id.version);
}
