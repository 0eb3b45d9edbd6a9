// Deliveries of the node: concurrent POSTs on kept connections, each answered at once. Bounds are
// for peers that are no node: size, time, number of connections.
import { createServer } from 'node:http';
import { connectionsMax, keepAliveMs, listenBacklog, messageBytesMax } from '../limits.ts';
import { isAllowed, networksOf } from './allowed.ts';
import { codeOf } from './failure.ts';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../host/ports.ts';
import type { TransportHandlers } from './transport.ts';

export type ListenOptions = {
  readonly host: string;
  readonly port: number;
  readonly allow: readonly string[];
  /** A head or a body that takes longer is cut off: the node sends both in one go. */
  readonly requestTimeMs: number;
};

export type Bound =
  | { readonly ok: true; readonly port: number; readonly close: () => Promise<void> }
  | { readonly ok: false; readonly reason: string };

/** Of a body that is too large so much is read, and dropped, for its sender to see the answer. */
const drainedBytesMax = 16 * messageBytesMax;
/** The kernel asks a silent peer from then on: one that vanished must not keep its place. */
const probeAfterMs = 60_000;

export function listen(
  options: ListenOptions,
  handlers: TransportHandlers,
  log: Log,
): Promise<Bound> {
  const { host, port, requestTimeMs } = options;
  const server = createServer(
    {
      keepAliveTimeout: keepAliveMs,
      headersTimeout: requestTimeMs,
      requestTimeout: requestTimeMs,
      connectionsCheckingInterval: requestTimeMs / 4,
      maxHeaderSize: 8_192,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: probeAfterMs,
    },
    (request, response) => serve(handlers, log, request, response),
  );
  admitOnly(server, options.allow, log);
  boundConnections(server, log);
  return new Promise((resolve) => {
    // Later ones are of single connections (EMFILE); the server stays.
    server.on('error', (error) => {
      if (server.listening) log('warn', 'listener-failed', { reason: error.message });
      resolve({ ok: false, reason: reasonOf(error, host, port) });
    });
    server.listen({ host, port, backlog: listenBacklog }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      resolve({ ok: true, port: bound, close: () => closeAll(server) });
    });
  });
}

const mends = new Map([
  ['EADDRINUSE', 'another program listens there; end it, or give another [rvi] listen'],
  ['EADDRNOTAVAIL', 'no interface has this address yet; bring it up, or give another [rvi] listen'],
  ['EACCES', 'ports below 1024 need CAP_NET_BIND_SERVICE; give it, or another [rvi] listen'],
]);

function reasonOf(error: Error, host: string, port: number): string {
  const code = codeOf(error);
  const mend = mends.get(code) ?? 'see [rvi] listen';
  return `cannot listen on ${host}:${port}: ${code || error.message}: ${mend}`;
}

function closeAll(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Who is not on the list gets no word, and nothing of it is read. */
function admitOnly(server: Server, allow: readonly string[], log: Log): void {
  if (allow.length === 0) return;
  const networks = networksOf(allow);
  server.on('connection', (socket) => {
    const { remoteAddress = '' } = socket;
    if (isAllowed(networks, remoteAddress)) return;
    log('warn', 'peer-refused', { address: remoteAddress });
    socket.destroy();
  });
}

/**
 * Those at rest are bounded, and the one that rested longest goes: a new one carries a message
 * now, which the node would lose (protocol 1.6). Those at work come in bursts and are given as much
 * again.
 */
function boundConnections(server: Server, log: Log): void {
  const resting = new Set<Socket>();
  server.maxConnections = 2 * connectionsMax;
  server.on('drop', () => log('warn', 'connection-refused', { connections: 2 * connectionsMax }));
  server.on('connection', (socket) => socket.on('close', () => resting.delete(socket)));
  server.on('request', ({ socket }, response) => {
    resting.delete(socket);
    response.on('close', () => {
      if (!socket.destroyed) resting.add(socket);
      const [longest] = resting;
      if (resting.size > connectionsMax) longest?.destroy();
    });
  });
}

function serve(
  handlers: TransportHandlers,
  log: Log,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (request.method !== 'POST') {
    request.resume();
    return answer(response, 404, 'text/plain', 'only POST is served here\n');
  }
  gather(request, (body) => {
    const refused = body === undefined ? 'too-large' : handlers.isFull() ? 'busy' : undefined;
    if (refused !== undefined) log('warn', 'delivery-refused', { reason: refused });
    const text =
      body === undefined || refused !== undefined
        ? handlers.refusal(refused ?? 'too-large')
        : handlers.receive(body);
    answer(response, 200, 'application/json', text ?? '');
  });
}

/** Copied into one buffer of the announced size, so that no part keeps a larger one alive. */
function gather(request: IncomingMessage, done: (body: Uint8Array | undefined) => void): void {
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  const isTooLarge = announcedBytes > messageBytesMax;
  let body: Buffer = Buffer.allocUnsafeSlow(isTooLarge ? 0 : announcedBytes);
  let sizeBytes = 0;
  request.on('data', (part: Buffer) => {
    const startBytes = sizeBytes;
    sizeBytes += part.length;
    if (sizeBytes > drainedBytesMax) return void request.destroy();
    if (sizeBytes > messageBytesMax) return;
    if (sizeBytes > body.length) body = grown(body, startBytes, sizeBytes);
    part.copy(body, startBytes);
  });
  request.on('end', () => {
    done(sizeBytes > messageBytesMax ? undefined : body.subarray(0, sizeBytes));
  });
  // Cut off by its sender or by a time limit: nobody is left to be answered.
  request.on('error', () => undefined);
}

/** By doubling: a body in chunks of one byte must not be copied once for each. */
function grown(body: Buffer, usedBytes: number, neededBytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(2 * body.length, neededBytes, 1_024));
  body.copy(larger, 0, 0, usedBytes);
  return larger;
}

function answer(response: ServerResponse, status: number, type: string, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length });
  response.end(body);
}
