// The service edge over HTTP (protocol 1.1, 1.6): a server for the calls of clients, and an HTTP
// client that posts each delivery separately and without a retry.
import { Agent, createServer, request } from 'node:http';
import process from 'node:process';
import { isBody } from './dialect.ts';
import { afterIdle } from '../support/idle.ts';
import type { IncomingMessage, RequestOptions, ServerResponse } from 'node:http';
import type { Reply, Route, RouteOf } from './node-calls.ts';

export type EdgeOptions = {
  /** If 0, the kernel chooses. */
  readonly port: number;
  readonly call: (text: string, routeOf: RouteOf) => Reply;
  /** Gets the text of a call before it is parsed. */
  readonly onHeard?: (text: string) => void;
  /** Gets the reason why a delivery failed. */
  readonly onFailed: (reason: string) => void;
};

export type Edge = {
  readonly url: () => string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Closes the open connections, like a lost link. */
  disconnect(): void;
};

/**
 * The time limit of the connection, and of the answer after it (protocol 1.6). An emulated agent is
 * much slower than a device.
 */
const deliveryTimeMs = process.env['SOTA_AGENT_TARGET'] === undefined ? 1_000 : 20_000;
const contentTypes = ['application/json', 'application/json-rpc', 'application/jsonrequest'];

export function createHttpEdge(options: EdgeOptions, isContentTypeExact: boolean): Edge {
  const server = createServer({ keepAlive: true, keepAliveTimeout: 3_600_000 }, serve);
  let pool = createPool();
  let port = options.port;

  function serve(incoming: IncomingMessage, response: ServerResponse): void {
    let text = '';
    incoming.on('error', () => undefined);
    incoming.setEncoding('utf8').on('data', (part: string) => (text += part));
    incoming.on('end', () => {
      const type = incoming.headers['content-type'] ?? '';
      if (incoming.method !== 'POST') return write(response, 404, 'text/plain', 'Not Found');
      if (isContentTypeExact && !contentTypes.includes(type)) return incoming.socket.destroy();
      options.onHeard?.(text);
      const reply = options.call(text, routeOf);
      switch (reply.kind) {
        case 'json':
          return write(response, 200, 'application/json', reply.text);
        case 'nothing':
          return write(response, 200, 'text/plain', '');
        case 'internal-error':
          return write(response, 501, 'text/plain', 'Internal Error');
        case 'closed':
          return incoming.socket.destroy();
      }
    });
  }

  function routeOf({ network_address: address }: { readonly [name: string]: unknown }) {
    if (typeof address !== 'string') return undefined;
    const route: Route = { name: address, post: (text) => post(address, text) };
    return route;
  }

  function post(address: string, text: string): void {
    const target = targetOf(address);
    if (target === undefined) return options.onFailed(`${address}: no address`);
    // All releases from 0.3 to 0.5.1 send exactly these three headers (protocol 1.6).
    const headers = {
      // Without the port (protocol 1.2).
      Host: target.hostname ?? '',
      'Content-Length': Buffer.byteLength(text),
      'Content-Type': 'application/json',
    };
    const asked = request({ ...target, method: 'POST', agent: pool, headers });
    // Node.js adds this header; the RVI node sends none, and keeps its sockets open.
    asked.removeHeader('connection');
    const late = () => asked.destroy(new Error('no answer in a second'));
    asked.on('close', afterIdle(deliveryTimeMs, late));
    asked.on('response', (response) => {
      response.on('error', () => undefined).resume();
      // A node ignores the status; it is recorded for the failures of a test.
      if (response.statusCode === 404) options.onFailed(`${target.hostname}: refused`);
    });
    asked.on('error', ({ message }) => options.onFailed(`${address}: ${message}`));
    asked.end(text);
  }

  async function start(): Promise<void> {
    await listening(server, port);
    port = portOf(server.address(), port);
  }

  async function stop(): Promise<void> {
    const closed = new Promise<void>((done) => server.close(() => done()));
    disconnect();
    await closed;
  }

  function disconnect(): void {
    server.closeAllConnections();
    pool.destroy();
    pool = createPool();
  }

  return { url: () => `http://127.0.0.1:${port}`, start, stop, disconnect };
}

/** One socket for each concurrent delivery (protocol 1.6). */
const createPool = () => new Agent({ keepAlive: true, maxSockets: 1_024, maxFreeSockets: 1_024 });

function write(response: ServerResponse, status: number, type: string, text: string): void {
  const headers = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) };
  response.writeHead(status, headers).end(text);
}

/** Parses as loosely as the node: `host:port`, or a URL with a path (protocol 1.2). */
function targetOf(address: string): RequestOptions | undefined {
  const text = address.includes('://') ? address : `http://${address}`;
  if (!URL.canParse(text)) return undefined;
  const { hostname, port, pathname, search } = new URL(text);
  return { hostname, port: port === '' ? 80 : Number(port), path: pathname + search };
}

type Listener = {
  listen(port: number, host: string, done: () => void): unknown;
  once(event: 'error', act: (error: Error) => void): unknown;
  off(event: 'error', act: (error: Error) => void): unknown;
};

export function listening(server: Listener, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

export function portOf(address: unknown, otherwise: number): number {
  const port = isBody(address) ? address['port'] : undefined;
  return typeof port === 'number' ? port : otherwise;
}
