// Receives deliveries of the node: concurrent POSTs on kept connections, each answered at once.
// Size, time and number of connections are limited, because any peer may connect. A request that a
// node cannot have sent is rejected by its head (`delivery-check.ts`) and logged.
import { createServer } from 'node:http';
import { connectionsMax, keepAliveMs, listenBacklog } from '../../../limits.ts';
import { isAllowed, networksOf } from './allowlist.ts';
import { codeOf } from './errors.ts';
import { gather } from './http-body.ts';
import { createRefuser } from './http-refuse.ts';
import { createRequestWatch } from './request-watch.ts';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock, Log } from '../../../host/ports.ts';
import type { RequestHead } from './delivery-check.ts';
import type { Refuser } from './http-refuse.ts';
import type { TransportHandlers } from './transport.ts';

export type ListenOptions = {
  readonly host: string;
  readonly port: number;
  readonly allow: readonly string[];
  /** Time limit for a head and for a body: the node sends both at once. */
  readonly requestTimeMs: number;
  /** Returns why a request is rejected; undefined if a node can have sent it. */
  readonly refusal: (head: RequestHead) => string | undefined;
};

export type Bound =
  | { readonly ok: true; readonly port: number; readonly close: () => Promise<void> }
  | { readonly ok: false; readonly reason: string };

/** Node has no value for "never". */
const timerMsMax = 2 ** 31 - 1;
/** After this time the kernel probes a silent peer, so that a dead one is disconnected. */
const probeAfterMs = 60_000;

export function listen(
  options: ListenOptions,
  handlers: TransportHandlers,
  ports: { readonly clock: Clock; readonly log: Log },
): Promise<Bound> {
  const { host, port, requestTimeMs } = options;
  const { clock, log } = ports;
  const onRefused = () => handlers.onRefused?.();
  const refuser = createRefuser(ports, onRefused);
  const work: Work = { ...options, handlers, refuser };
  const server = createServer(
    {
      keepAliveTimeout: keepAliveMs,
      // `createRequestWatch` replaces these timeouts and their periodic check.
      headersTimeout: 0,
      requestTimeout: 0,
      connectionsCheckingInterval: timerMsMax,
      maxHeaderSize: 8_192,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: probeAfterMs,
      // Otherwise Node answers a request without `Host` itself, and emits no event.
      requireHostHeader: false,
    },
    (request, response) => serve(work, request, response),
  );
  // Node would hide headers above a limit from the check; `maxHeaderSize` limits them.
  server.maxHeadersCount = 0;
  // After a CONNECT, Node removes its error listener from the socket. Without this one, a reset by
  // the peer would end the agent.
  server.on('connection', (socket) => void socket.on('error', () => undefined));
  server.on('checkContinue', (...both) => void server.emit('request', ...both));
  server.on('checkExpectation', (...both) => void server.emit('request', ...both));
  server.on('connect', (_, socket) => refuser.end(socket, 'the method is not POST'));
  server.on('clientError', refuser.onClientError);
  admitOnly(server, options.allow, onRefused, log);
  limitTime(server, clock, requestTimeMs, refuser);
  boundConnections(server, log, onRefused);
  return new Promise((resolve) => {
    // Later errors concern single connections (EMFILE); the server continues.
    server.on('error', (error) => {
      if (server.listening) log('warn', 'listener-failed', { reason: error.message });
      resolve({ ok: false, reason: reasonOf(error, host, port) });
    });
    server.listen({ host, port, backlog: listenBacklog }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      resolve({ ok: true, port: bound, close: () => closeAll(server, refuser) });
    });
  });
}

const fixes = new Map([
  ['EADDRINUSE', 'another program listens there; stop it, or change [rvi] listen'],
  ['EADDRNOTAVAIL', 'no interface has this address yet; bring it up, or change [rvi] listen'],
  ['EACCES', 'ports below 1024 need CAP_NET_BIND_SERVICE; grant it, or change [rvi] listen'],
]);

function reasonOf(error: Error, host: string, port: number): string {
  const code = codeOf(error);
  const fix = fixes.get(code) ?? 'see [rvi] listen';
  return `cannot listen on ${host}:${port}: ${code || error.message}: ${fix}`;
}

function closeAll(server: Server, refuser: Refuser): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
    refuser.close();
  });
}

/** Closes connections from addresses outside the allowlist before anything is read. */
function admitOnly(
  server: Server,
  allow: readonly string[],
  onRefused: () => void,
  log: Log,
): void {
  if (allow.length === 0) return;
  const networks = networksOf(allow);
  server.on('connection', (socket) => {
    const { remoteAddress = '' } = socket;
    if (isAllowed(networks, remoteAddress)) return;
    onRefused();
    log('warn', 'peer-denied', { address: remoteAddress });
    socket.destroy();
  });
}

/** Limits the time of each request, and of a new connection without one. */
function limitTime(server: Server, clock: Clock, timeMs: number, refuser: Refuser): void {
  const late = (socket: Socket) => refuser.end(socket, 'the request was not complete in time');
  const watch = createRequestWatch(clock, timeMs, late);
  server.on('connection', (socket) => {
    if (!socket.destroyed) watch.opened(socket);
  });
  server.on('request', (request) => {
    watch.begun(request.socket);
    request.on('end', () => watch.ended(request.socket));
  });
}

/**
 * Limits the connections. If too many are idle, the one that was idle longest is closed. A new one
 * stays open, because the node would lose its message (protocol 1.6). Busy connections come in
 * bursts, so the limit of all connections is twice as high.
 */
function boundConnections(server: Server, log: Log, onRefused: () => void): void {
  const resting = new Set<Socket>();
  server.maxConnections = 2 * connectionsMax;
  server.on('drop', () => {
    onRefused();
    log('warn', 'connection-limit', { connections: 2 * connectionsMax });
  });
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

type Work = {
  readonly refusal: ListenOptions['refusal'];
  readonly handlers: TransportHandlers;
  readonly refuser: Refuser;
};

function serve(work: Work, request: IncomingMessage, response: ServerResponse): void {
  const { handlers, refuser } = work;
  if (refuser.isOver(request.socket)) return void request.resume();
  const { method = '', url: target = '', rawHeaders } = request;
  const reason = work.refusal({ method, target, rawHeaders });
  if (reason !== undefined) return refuser.answer(request, response, reason);
  if (request.headers.expect !== undefined) response.writeContinue();
  gather(request, (body) => {
    const refused = body === undefined ? 'too-large' : handlers.isFull() ? 'busy' : undefined;
    if (body !== undefined && refused === undefined) {
      return answer(response, handlers.receive(body) ?? '');
    }
    refuser.count(request.socket, refused ?? 'too-large');
    answer(response, handlers.refusal(refused ?? 'too-large'));
  });
}

function answer(response: ServerResponse, text: string): void {
  const body = Buffer.from(text);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
  response.writeHead(200, headers).end(body);
}
