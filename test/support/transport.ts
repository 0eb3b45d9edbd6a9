// Shared parts of the transports' tests: an agent that only records, peers on 127.0.0.1, and waits
// for real sockets.
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { createClock } from '../../src/host/time.ts';
import { answeredId } from '../../src/backends/rvi/codec/jsonrpc.ts';
import { createHttpTransport } from '../../src/backends/rvi/transport/http.ts';
import { createWebSocketTransport } from '../../src/backends/rvi/transport/websocket.ts';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import type { Clock, Log } from '../../src/host/ports.ts';
import type { TlsSource } from '../../src/backends/rvi/transport/tls.ts';
import type { TransportHandlers } from '../../src/backends/rvi/transport/transport.ts';

export type Recorder = TransportHandlers & {
  readonly bodies: string[];
  /** `up`, and `down: <reason>`. */
  readonly events: string[];
  fill(isFull: boolean): void;
  refused(): number;
};

export const answerText = '{"jsonrpc":"2.0","id":1,"result":{"status":0}}';

export function createRecorder(): Recorder {
  const bodies: string[] = [];
  const events: string[] = [];
  let isFull = false;
  let refused = 0;
  return {
    bodies,
    events,
    fill(given) {
      isFull = given;
    },
    receive(data) {
      bodies.push(Buffer.from(data).toString());
      return answerText;
    },
    answeredId,
    isFull: () => isFull,
    refused: () => refused,
    onRefused: () => void (refused += 1),
    onUp: () => void events.push('up'),
    onDown: (reason) => void events.push(`down: ${reason}`),
    refusal: (code) => `refused ${code}`,
  };
}

export type LogLines = { readonly log: Log; readonly lines: string[] };

export function createLogLines(): LogLines {
  const lines: string[] = [];
  return {
    lines,
    log: (level, code, fields) => void lines.push(`${level} ${code} ${JSON.stringify(fields)}`),
  };
}

/** The transport for a node over TLS on this port, and what it records. */
export function openSecure(scheme: 'https' | 'wss', port: number, tls: TlsSource) {
  const ports = { clock: createClock(), random: { unit: () => 0 }, log: createLogLines().log };
  const way = { url: `${scheme}://127.0.0.1:${port}`, tls, proxy: undefined };
  const listen = { host: '127.0.0.1', port: 0 };
  const transport =
    scheme === 'wss'
      ? createWebSocketTransport(ports, way)
      : createHttpTransport(ports, { ...way, listen, networkAddress: undefined });
  const recorder = createRecorder();
  transport.open(recorder);
  return { transport, recorder };
}

export function watchDelays(clock: Clock): Clock & { readonly delays: number[] } {
  const delays: number[] = [];
  const after: Clock['after'] = (delayMs, act) => {
    delays.push(delayMs);
    return clock.after(delayMs, act);
  };
  return { ...clock, delays, after };
}

export function portOf(server: NetServer): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export async function listening(server: NetServer, port = 0): Promise<number> {
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  return portOf(server);
}

export function closed(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

export async function serveHttp(
  serve: RequestListener,
): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createHttpServer(serve);
  return { server, url: `http://127.0.0.1:${await listening(server)}` };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((done) => server.close(done));
  return port;
}

/** A raw connection: the text read so far, and whether the other end has closed it. */
export type Raw = {
  readonly socket: Socket;
  text(): string;
  isClosed(): boolean;
};

export async function raw(port: number, ...parts: readonly (string | Buffer)[]): Promise<Raw> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let isClosed = false;
  socket.on('data', (data) => (text += data.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => (isClosed = true));
  await new Promise<void>((done) => socket.on('connect', done));
  for (const part of parts) socket.write(part);
  return { socket, text: () => text, isClosed: () => isClosed };
}

export const head = (sizeBytes: number) =>
  `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${sizeBytes}\r\n\r\n`;

export const countOf = (text: string, part: string) => text.split(part).length - 1;
