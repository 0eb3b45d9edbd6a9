// The service edge over a WebSocket that the client opens, in the agent's own dialect `jsonrpc`:
// JSON-RPC both ways, a text frame each, and no `network_address`. What a client registered is
// reached over its socket; a closed one stays registered, and loses what is sent (protocol 1.9).
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { isBody } from './dialect.ts';
import { listening, portOf } from './edge-http.ts';
import type { RawData } from 'ws';
import type { Edge, EdgeOptions } from './edge-http.ts';
import type { Route } from './node-calls.ts';

const frameBytesMax = 16 * 1_048_576;

export function createWsEdge(options: EdgeOptions): Edge {
  const server = createServer((_, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: frameBytesMax,
    perMessageDeflate: false,
  });
  let port = options.port;
  let accepted = 0;
  server.on('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, accept),
  );

  function accept(socket: WebSocket): void {
    accepted += 1;
    const route: Route = { name: `ws:${accepted}`, post: (text) => post(socket, text) };
    socket.on('error', ({ message }) => options.onFailed(`${route.name}: ${message}`));
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) return socket.close(1003);
      const text = String(data);
      // What a client answers to a delivery changes nothing (protocol 1.6).
      if (isAnswer(text)) return;
      const reply = options.call(text, () => route);
      if (reply.kind === 'json') socket.send(reply.text);
      else if (reply.kind !== 'nothing') socket.terminate();
    });
  }

  function post(socket: WebSocket, text: string): void {
    if (socket.readyState === WebSocket.OPEN) socket.send(text);
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
