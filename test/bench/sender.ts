// A node and a server in one program, as fast as possible, so that the agent does not wait for the
// backend of the tests. It follows the protocol: chunk 1 after the first ack, then the chunk after
// the last one in the ack, one in flight. No server has more than one in flight; a larger
// `inFlight` shows how the agent groups commits.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { WebSocketServer } from 'ws';
import { listening, portOf } from '../backend/edge-http.ts';
import { chunkBytes } from '../backend/package.ts';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { PackageId, ServerPackage } from '../backend/package.ts';

export type Payload = { readonly path: string; readonly one: ServerPackage };

export type SenderOptions = {
  readonly transport: 'http' | 'ws';
  readonly payload: Payload;
  readonly inFlight?: number;
  /** The sender stops after this chunk; if it is absent, the whole package is sent. */
  readonly untilIndex?: number;
  /** More keys of the configuration of the agent. */
  readonly rvi?: { readonly [key: string]: number };
  /** The sender has no package to offer. */
  readonly isQuiet?: boolean;
};

export type Sender = {
  readonly url: () => string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves with the result in the report, or when the ack for `untilIndex` arrives. */
  readonly done: Promise<string>;
  /** Time of the first ack by `performance.now()`, and the last chunk in it. */
  readonly acked: Promise<{ readonly atMs: number; readonly lastIndex: number }>;
  /** Resolves when the agent has registered its services. */
  readonly registered: Promise<void>;
  /** Time by `performance.now()` when the ack of this chunk arrived. */
  ackedAtMs(chunkIndex: number): number;
  /** Bytes that the agent had sent, headers included, when the ack of this chunk arrived. */
  upstreamBytesAt(chunkIndex: number): number;
};

type Post = (text: string) => void;
type Body = { readonly [name: string]: unknown };
type Message = {
  readonly id: number;
  readonly method: string;
  readonly params: Body & {
    readonly service?: string;
    readonly service_name?: string;
    readonly network_address?: string;
    readonly parameters?: readonly [
      { readonly chunks?: readonly number[]; readonly status?: boolean },
    ];
  };
};

const vehicle = 'genivi.org/vin/V1234567890123456';
const backend = 'genivi.org/backend';

export function createSender(options: SenderOptions): Sender {
  const { payload, inFlight = 1, untilIndex = Infinity } = options;
  const file = openSync(payload.path, 'r');
  const fileBytes = fstatSync(file).size;
  const { id, chunksCount, checksum, sizeBytes } = payload.one;
  const done = later<string>();
  const acked = later<{ atMs: number; lastIndex: number }>();
  const ready = later<void>();
  const server = createServer();
  const sockets = new Set<Socket>();
  const upstreamBytes = () => [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  server.on('connection', (socket) => sockets.add(socket));
  let post: Post = () => undefined;
  let registered = 0;
  let sentIndex = 0;
  const arrived = new Map<number, { readonly atMs: number; readonly bytes: number }>();
  let acks = 0;

  function deliver(service: string, body: Body): void {
    const params = { service_name: `/sota/${service}`, parameters: [body] };
    post(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'message', params }));
  }

  function perform({ method, params }: Message): Body {
    if (method === 'register_service') {
      registered += 1;
      if (registered === 6) setImmediate(options.isQuiet === true ? ready.resolve : notify);
      return { status: 0, service: `${vehicle}${params.service}` };
    }
    if (method === 'message') {
      const service = params.service_name ?? '';
      const [body] = params.parameters ?? [{}];
      setImmediate(() => receive(service.slice(backend.length), body));
    }
    return { status: 0, transaction_id: 1 };
  }

  function notify(): void {
    const names = ['start', 'ack', 'report', 'packages'];
    const services = Object.fromEntries(names.map((name) => [name, `${backend}/sota/${name}`]));
    deliver('notify', { packages: [{ package: id, size: sizeBytes }], services });
  }

  function receive(service: string, body: { chunks?: readonly number[]; status?: boolean }) {
    if (service === '/sota/start') {
      deliver('start', { package: id, checksum, chunkscount: chunksCount });
    } else if (service === '/sota/ack') onAck(body.chunks ?? []);
    else if (service === '/sota/report') done.resolve(`status ${body.status}`);
  }

  function onAck(chunks: readonly number[]): void {
    acks += 1;
    const index = chunks.at(-1) ?? 0;
    const atMs = performance.now();
    arrived.set(index, { atMs, bytes: upstreamBytes() });
    if (acks === 1) acked.resolve({ atMs, lastIndex: index });
    if (index >= untilIndex) return done.resolve('stopped');
    if (index === chunksCount) return deliver('finish', { package: id });
    const lastIndex = Math.min(index + inFlight, chunksCount, untilIndex);
    for (sentIndex = Math.max(sentIndex, index); sentIndex < lastIndex; ) sendChunk(++sentIndex);
  }

  function sendChunk(index: number): void {
    const data = Buffer.allocUnsafe(chunkBytes);
    // A package that is larger than the payload repeats the payload.
    const offsetBytes = ((index - 1) * chunkBytes) % Math.max(1, fileBytes);
    const readBytes = readSync(file, data, 0, chunkBytes, offsetBytes);
    const bytes = data.toString('base64', 0, readBytes);
    deliver('chunk', { index, bytes, package: id });
  }

  function answer(text: string): string {
    const message: Message = JSON.parse(text);
    return JSON.stringify({ jsonrpc: '2.0', id: message.id, result: perform(message) });
  }

  const close =
    options.transport === 'ws'
      ? overWebSocket(server, answer, (found) => (post = found))
      : overHttp(
          server,
          answer,
          (found) => (post = found),
          (socket) => sockets.add(socket),
        );
  let port = 0;
  return {
    url: () => `${options.transport}://127.0.0.1:${port}`,
    async start() {
      await listening(server, 0);
      port = portOf(server.address(), 0);
    },
    stop() {
      closeSync(file);
      close();
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
    done: done.promise,
    acked: acked.promise,
    registered: ready.promise,
    ackedAtMs: (index) => arrived.get(index)?.atMs ?? NaN,
    upstreamBytesAt: (index) => arrived.get(index)?.bytes ?? NaN,
  };
}

type Server = ReturnType<typeof createServer>;
type Answer = (text: string) => string;

function overWebSocket(server: Server, answer: Answer, found: (post: Post) => void): () => void {
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (socket: WebSocket) => {
    found((text) => socket.send(text));
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      const text = String(data);
      if (!isAnswer(text)) socket.send(answer(text));
    });
  });
  return () => {
    for (const socket of sockets.clients) socket.terminate();
  };
}

/** The response of a client to a delivery has no effect (protocol 1.6). */
const isAnswer = (text: string) => text.length < 200 && text.includes('"result"');

/**
 * Sends one delivery after the other on one kept connection and ignores responses, as a node does.
 */
function overHttp(
  server: Server,
  answer: Answer,
  found: (post: Post) => void,
  opened: (socket: Socket) => void,
): () => void {
  let socket: Socket | undefined;
  let isFound = false;
  server.on('request', (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      if (!isFound) {
        isFound = true;
        const { params }: Message = JSON.parse(text);
        const { hostname, port, pathname } = new URL(params.network_address ?? '');
        // A node connects when it delivers: the agent closes a connection without a request.
        found((delivered) => {
          if (socket === undefined) {
            socket = connect(Number(port), hostname)
              .on('error', () => undefined)
              .resume();
            opened(socket);
            socket.setNoDelay(true);
          }
          socket.write(requestOf(hostname, pathname, delivered), 'latin1');
        });
      }
      const body = answer(text);
      const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
      response.writeHead(200, headers).end(body);
    });
  });
  return () => socket?.destroy();
}

function requestOf(host: string, path: string, text: string): string {
  const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
  return `${head}Content-Length: ${text.length}\r\n\r\n${text}`;
}

function later<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

export const benchId: PackageId = { name: 'bench', version: '1.0.0' };
