// The connections that the agent opens, both for HTTP calls and for the WebSocket: plain or TLS,
// directly to the node or through an HTTP proxy (CONNECT).
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { isLocalNode } from '../local-node.ts';
import { asError, errorOf, failure, thrownFailure } from './errors.ts';
import { guarded } from './guard.ts';
import { proxyName, tunnel } from './proxy.ts';
import { datesFault } from './tls.ts';
import type { AgentOptions } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ProxyAddress } from '../settings.ts';
import type { Clock } from '../../../host/ports.ts';
import type { Leg } from './errors.ts';
import type { Cancel, Connected } from './proxy.ts';
import type { TlsContext, TlsSource } from './tls.ts';

export type Way = {
  readonly url: string;
  /** Set for https and wss only. */
  readonly tls: TlsSource | undefined;
  readonly proxy: ProxyAddress | undefined;
};

export type WayAgent = {
  readonly agent: Agent;
  /** The node is on this device or in this vehicle, and the way to it has no proxy. */
  readonly isLocal: boolean;
  /** Describes the connection to the node, for failure messages. */
  leg(): Leg;
};

type Asked = RequestOptions & { readonly socket?: Duplex };
type Connect = (asked: Asked) => Duplex | null | undefined;

export function createAgent(clock: Clock, way: Way, options: AgentOptions): WayAgent {
  const { hostname, port, origin } = new URL(way.url);
  const { tls, proxy } = way;
  const where = origin === 'null' ? way.url : origin;
  const through = proxy === undefined ? undefined : proxyName(proxy);
  const isLocal = proxy === undefined && isLocalNode(way.url);
  let shown: TlsContext | undefined;
  const leg = (): Leg => {
    const ownFault = datesFault(shown?.ownDates, clock.wallMs());
    return { where, party: 'node', through, ownFault };
  };
  // Node must not cache TLS sessions: `createSecure` does, per certificate.
  const agent =
    tls === undefined ? new Agent(options) : new TlsAgent({ ...options, maxCachedSessions: 0 });
  if (proxy === undefined && tls === undefined) return { agent, isLocal, leg };
  const straight = agent.createConnection.bind(agent);
  const source = tls === undefined ? undefined : noted(tls, (context) => (shown = context));
  const secure = source === undefined ? undefined : createSecure(straight, source, leg);
  const target = `${hostname}:${port === '' ? (tls === undefined ? 80 : 443) : port}`;
  const pending = new Set<Cancel>();
  let isDestroyed = false;
  const connect = (asked: RequestOptions, connected: Connected): void => {
    if (isDestroyed) return connected(gone());
    if (proxy === undefined) return secure?.(asked, connected);
    const cancel = tunnel(clock, proxy, target, (error, socket) => {
      pending.delete(cancel);
      if (error !== null || socket === undefined) return connected(error);
      if (secure === undefined) return connected(null, socket);
      // The TLS agent uses the given socket for its connection.
      const through = { ...asked, socket };
      return secure(through, connected);
    });
    pending.add(cancel);
  };
  const createConnection = (asked: RequestOptions, connected: Connected): void =>
    guarded(connect, (error) => connected(errorOf(thrownFailure(error, leg()))))(asked, connected);
  const release = agent.destroy.bind(agent);
  // Node's destroy() ends only established connections.
  const destroy = (): void => {
    isDestroyed = true;
    for (const cancel of pending) cancel(gone());
    release();
  };
  return { agent: Object.assign(agent, { createConnection, destroy }), isLocal, leg };
}

const gone = () => errorOf(failure('closed', 'the agent ends'));

function noted(source: TlsSource, note: (context: TlsContext) => void): TlsSource {
  return async () => {
    const context = await source();
    note(context);
    return context;
  };
}

/** Resumes the last TLS session, unless it used other certificates. */
function createSecure(straight: Connect, tls: TlsSource, leg: () => Leg) {
  let last: { readonly context: TlsContext; readonly session: Buffer } | undefined;

  async function connect(asked: Asked, connected: Connected): Promise<void> {
    const context = await tls();
    const { ownDates: _, ...options } = context;
    const resumed = last?.context === context ? { session: last.session } : {};
    const socket = straight({ ...asked, ...options, ...resumed });
    socket?.on('session', (session: Buffer) => (last = { context, session }));
    if (socket) markHandshake(socket);
    connected(null, socket ?? undefined);
  }

  return (asked: Asked, connected: Connected): void => {
    // OpenSSL throws if the key of a certificate is too small, or its digest too old.
    connect(asked, connected).catch((thrown: unknown) => {
      asked.socket?.destroy();
      connected(errorOf(thrownFailure(asError(thrown), leg())));
    });
  };
}

/** Marks errors during the handshake, because a reset looks the same at any time. */
function markHandshake(socket: Duplex): void {
  let isSecure = false;
  socket.once('secureConnect', () => (isSecure = true));
  socket.prependListener('error', (error: Error) => {
    if (!isSecure) Object.assign(error, { isInHandshake: true });
  });
}
