// The connections that we open, for calls over HTTP and for the WebSocket alike: plain or TLS,
// straight to the node or through an HTTP proxy (CONNECT).
import * as http from 'node:http';
import * as https from 'node:https';
import { callTimeoutMs } from '../limits.ts';
import type { Duplex } from 'node:stream';
import type { Clock } from '../host/ports.ts';
import type { TlsContext } from './tls.ts';

export type Way = {
  readonly url: string;
  readonly tls: TlsContext | undefined;
  readonly proxy: string | undefined;
};

type Connected = (error: Error | null, socket?: Duplex) => void;

export function createAgent(clock: Clock, way: Way, options: http.AgentOptions): http.Agent {
  const { protocol, hostname, port } = new URL(way.url);
  const isSecure = protocol === 'https:' || protocol === 'wss:';
  const agent = isSecure
    ? new https.Agent({ ...options, ...way.tls })
    : new http.Agent(options);
  if (way.proxy === undefined) return agent;
  const proxy = new URL(way.proxy);
  const target = `${hostname}:${port === '' ? (isSecure ? 443 : 80) : port}`;
  const straight = agent.createConnection.bind(agent);
  const createConnection = (asked: https.RequestOptions, connected: Connected): void => {
    tunnel(clock, proxy, target, (error, socket) => {
      if (error !== null || socket === undefined) return connected(error);
      // The agent of TLS makes its connection over a socket that it is given.
      const through = { ...asked, socket };
      connected(null, isSecure ? (straight(through) ?? socket) : socket);
    });
  };
  return Object.assign(agent, { createConnection });
}

function tunnel(clock: Clock, proxy: URL, target: string, done: Connected): void {
  const { username, password } = proxy;
  const user = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  const headers = {
    Host: target,
    ...(username === '' ? {} : { 'Proxy-Authorization': `Basic ${user.toString('base64')}` }),
  };
  const request = proxy.protocol === 'https:' ? https.request : http.request;
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
    cancel();
    done(error, socket);
  };
  // By itself: a request whose socket was handed over emits no error any more.
  const fail = (code: string, what: string) => {
    settle(Object.assign(new Error(`the proxy ${proxy.host} ${what}`), { code }));
    asked.destroy();
  };
  const cancel = clock.after(callTimeoutMs, () => {
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
}
