// The connections that we open, for calls over HTTP and for the WebSocket alike: plain or TLS,
// straight to the node or through an HTTP proxy (CONNECT).
import { Agent, request as overTcp } from 'node:http';
import { Agent as TlsAgent, request as overTls } from 'node:https';
import { callTimeoutMs } from '../limits.ts';
import type { AgentOptions } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Clock } from '../host/ports.ts';
import type { TlsContext, TlsSource } from './tls.ts';

export type Way = {
  readonly url: string;
  /** For https and wss, and for these alone. */
  readonly tls: TlsSource | undefined;
  readonly proxy: string | undefined;
};

type Cancel = (why: Error) => void;
type Connected = (error: Error | null, socket?: Duplex) => void;
type Asked = RequestOptions & { readonly socket?: Duplex };
type Connect = (asked: Asked) => Duplex | null | undefined;

export function createAgent(clock: Clock, way: Way, options: AgentOptions): Agent {
  const { hostname, port } = new URL(way.url);
  const { tls, proxy } = way;
  // The sessions of TLS are ours to keep.
  const agent =
    tls === undefined
      ? new Agent(options)
      : new TlsAgent({ ...options, maxCachedSessions: 0 });
  if (proxy === undefined && tls === undefined) return agent;
  const straight = agent.createConnection.bind(agent);
  const secure = tls === undefined ? undefined : createSecure(straight, tls);
  const target = `${hostname}:${port === '' ? (tls === undefined ? 80 : 443) : port}`;
  const pending = new Set<Cancel>();
  let isDestroyed = false;
  const createConnection = (asked: RequestOptions, connected: Connected): void => {
    if (isDestroyed) return connected(gone());
    if (proxy === undefined) return void secure?.(asked, connected);
    const cancel = tunnel(clock, new URL(proxy), target, (error, socket) => {
      pending.delete(cancel);
      if (error !== null || socket === undefined) return connected(error);
      if (secure === undefined) return connected(null, socket);
      // The agent of TLS makes its connection over a socket that it is given.
      const through = { ...asked, socket };
      return secure(through, connected);
    });
    pending.add(cancel);
  };
  const release = agent.destroy.bind(agent);
  // Node's own knows only of connections that are there.
  const destroy = (): void => {
    isDestroyed = true;
    for (const cancel of pending) cancel(gone());
    release();
  };
  return Object.assign(agent, { createConnection, destroy });
}

const gone = () => Object.assign(new Error('the agent ends'), { code: 'ECANCELED' });

/** The last session is taken up again, unless it was made with other certificates. */
function createSecure(straight: Connect, tls: TlsSource) {
  let last: { readonly context: TlsContext; readonly session: Buffer } | undefined;
  return async (asked: Asked, connected: Connected): Promise<void> => {
    const context = await tls();
    const resumed = last?.context === context ? { session: last.session } : {};
    let socket: Duplex | null | undefined;
    try {
      socket = straight({ ...asked, ...context, ...resumed });
    } catch (error) {
      // OpenSSL takes no certificate whose key is too small, or whose digest is too old.
      asked.socket?.destroy();
      return connected(error instanceof Error ? error : new Error(String(error)));
    }
    socket?.on('session', (session: Buffer) => (last = { context, session }));
    connected(null, socket ?? undefined);
  };
}

function tunnel(clock: Clock, proxy: URL, target: string, done: Connected): Cancel {
  const { username, password } = proxy;
  const user = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  const headers = {
    Host: target,
    ...(username === '' ? {} : { 'Proxy-Authorization': `Basic ${user.toString('base64')}` }),
  };
  const request = proxy.protocol === 'https:' ? overTls : overTcp;
  const asked = request({
    // Said, since the environment (NODE_TLS_REJECT_UNAUTHORIZED) could unsay it else.
    ...{ minVersion: 'TLSv1.2', rejectUnauthorized: true },
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : proxy.port,
    method: 'CONNECT',
    path: target,
    headers,
    agent: false,
  });
  const settle: Connected = (error, socket) => {
    stopTimer();
    done(error, socket);
  };
  // By itself: a request whose socket was handed over emits no error any more.
  const cancel: Cancel = (why) => {
    settle(why);
    asked.destroy();
  };
  const fail = (code: string, what: string) => {
    cancel(Object.assign(new Error(`the proxy ${proxy.host} ${what}`), { code }));
  };
  const stopTimer = clock.after(callTimeoutMs, () => {
    fail('ETIMEDOUT', `did not answer within ${callTimeoutMs} ms`);
  });
  // Whatever the answer to a CONNECT is, Node gives the socket away with it.
  asked.on('connect', ({ statusCode }, socket, head) => {
    if (statusCode !== 200) {
      socket.destroy();
      return fail('ECONNREFUSED', `answered HTTP status ${statusCode}`);
    }
    if (head.length > 0) socket.unshift(head);
    settle(null, socket);
  });
  asked.on('error', (error) => settle(error));
  asked.end();
  return cancel;
}
