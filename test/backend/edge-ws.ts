// The service edge over a WebSocket that the client opens: a text frame for each call and each
// delivery, no `network_address`. The node delivers over the socket of the registration; the
// registration survives the socket, and deliveries to a closed socket are lost (protocol 1.9). The
// frame format is a parameter: `edge-rvi.ts` has the formats of real nodes, this file has JSON-RPC.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { isBody } from './dialect.ts';
import { listening, portOf } from './edge-http.ts';
import type { RawData } from 'ws';
import type { Edge, EdgeOptions } from './edge-http.ts';
import type { Reply, Route, RouteOf } from './node-calls.ts';

export type Tongue = {
  hear(text: string, routeOf: RouteOf): Reply;
  /** Formats a delivery of the node; undefined: this edge drops it without an error. */
  tell(text: string): string | undefined;
  readonly takesFragments: boolean;
  /** If the client requests a subprotocol, the answer is no valid HTTP (protocol 1.9). */
  readonly failsSubprotocols: boolean;
  /**
   * The interval of pings; if a pong is missing, the edge closes instead of the next ping (protocol
   * 1.9).
   */
  readonly pingEveryMs: number | undefined;
};

export function createJsonRpcTongue(call: EdgeOptions['call']): Tongue {
  return {
    // The client's answer to a delivery has no effect (protocol 1.6).
    hear: (text, routeOf) => (isAnswer(text) ? { kind: 'nothing' } : call(text, routeOf)),
    tell: (text) => text,
    takesFragments: true,
    failsSubprotocols: false,
    pingEveryMs: undefined,
  };
}

const frameBytesMax = 16 * 1_048_576;

export function createWsEdge(options: Omit<EdgeOptions, 'call'>, tongue: Tongue): Edge {
  const server = createServer((_, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: frameBytesMax,
    perMessageDeflate: false,
    ...(tongue.takesFragments ? {} : { maxFragments: 1 }),
  });
  let port = options.port;
  let accepted = 0;
  server.on('upgrade', (request, socket, head) => {
    const asked = request.headers['sec-websocket-protocol'];
    if (asked === undefined || !tongue.failsSubprotocols) {
      return sockets.handleUpgrade(request, socket, head, accept);
    }
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nSec-Websocket-Protocol:${asked}\n\n\r\n`);
  });

  function accept(socket: WebSocket): void {
    accepted += 1;
    const route: Route = { name: `ws:${accepted}`, post: (text) => post(socket, text) };
    socket.on('error', ({ message }) => options.onFailed(`${route.name}: ${message}`));
    if (tongue.pingEveryMs !== undefined) beat(socket, tongue.pingEveryMs);
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) return socket.close(1003);
      const text = String(data);
      if (!isAnswer(text)) options.onHeard?.(text);
      const reply = tongue.hear(text, () => route);
      if (reply.kind === 'json') socket.send(reply.text);
      else if (reply.kind !== 'nothing') socket.terminate();
    });
  }

  function beat(socket: WebSocket, everyMs: number): void {
    let sent = Buffer.of();
    let wasAnswered = true;
    socket.on('pong', (data) => (wasAnswered ||= sent.equals(data)));
    const timer = setInterval(() => {
      if (!wasAnswered) {
        options.onFailed('no pong');
        return socket.terminate();
      }
      sent = randomBytes(4);
      wasAnswered = false;
      socket.ping(sent);
    }, everyMs);
    socket.on('close', () => clearInterval(timer));
  }

  function post(socket: WebSocket, text: string): void {
    const frame = tongue.tell(text);
    if (frame === undefined) return options.onFailed(`dropped: ${text.slice(0, 200)}`);
    if (socket.readyState === WebSocket.OPEN) socket.send(frame);
    else options.onFailed('the connection is closed');
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
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
  }

  return { url: () => `ws://127.0.0.1:${port}`, start, stop, disconnect };
}

function isAnswer(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return isBody(value) && value['method'] === undefined;
  } catch {
    return false;
  }
}
