// A passive node: records each call byte for byte, answers like a 0.4 node, and delivers what a
// test passes. One version over HTTP, one over a WebSocket.
import { createServer, request } from 'node:http';
import { WebSocketServer } from 'ws';
import { isBody } from '../backend/dialect.ts';
import { listening, portOf } from '../backend/edge-http.ts';
import { within } from './idle.ts';
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http';
import type { WebSocket } from 'ws';

export type Heard = {
  readonly text: string;
  /** Of the POST, or of the handshake. */
  readonly headers: IncomingHttpHeaders;
  readonly isBinary: boolean;
};

export type SeedNode = {
  readonly url: () => string;
  start(): Promise<void>;
  /** Returns the calls of the client in order; waits for the next one. */
  next(): Promise<Heard>;
  /** Delivers a message; returns the client's answer. */
  deliver(service: string, parameters: unknown): Promise<string>;
  stop(): Promise<void>;
};

type Ear = { readonly hear: (heard: Heard) => void; readonly next: () => Promise<Heard> };

function createEar(): Ear {
  const heard: Heard[] = [];
  let taken = 0;
  let wake: () => void = () => undefined;
  const hear = (one: Heard) => {
    heard.push(one);
    wake();
  };
  const next = async (): Promise<Heard> => {
    const one = heard[taken];
    if (one !== undefined) {
      taken += 1;
      return one;
    }
    await within('a further call', new Promise<void>((resolve) => (wake = resolve)));
    return next();
  };
  return { hear, next };
}

/** Returns the answer of a 0.4 node; undefined if the text is the answer to a delivery. */
function createVoice(prefix: string): (text: string) => string | undefined {
  let transactions = 0;
  const resultOf = (method: unknown, params: unknown) => {
    if (method === 'register_service') {
      return { status: 0, service: `${prefix}${isBody(params) ? String(params['service']) : ''}` };
    }
    if (method === 'get_available_services') return { status: 0, services: [] };
    transactions += 1;
    return { status: 0, transaction_id: transactions };
  };
  return (text) => {
    const call: unknown = JSON.parse(text);
    if (!isBody(call) || call['method'] === undefined) return undefined;
    const result = resultOf(call['method'], call['params']);
    return JSON.stringify({ jsonrpc: '2.0', id: call['id'], result });
  };
}

const deliveryOf = (service: string, parameters: unknown) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'message',
    params: { service_name: service, parameters },
  });

async function textOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of message.setEncoding('utf8')) text += String(part);
  return text;
}

function stopped(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

export function createHttpSeedNode(prefix: string): SeedNode {
  const { hear, next } = createEar();
  const voice = createVoice(prefix);
  let address = '';
  let port = 0;
  const server = createServer((incoming, response) => {
    void textOf(incoming).then((text) => {
      hear({ text, headers: incoming.headers, isBinary: false });
      address = /"network_address":"([^"]*)"/.exec(text)?.[1] ?? address;
      response.end(voice(text));
    });
  });
  return {
    url: () => `http://127.0.0.1:${port}`,
    async start() {
      await listening(server, 0);
      port = portOf(server.address(), 0);
    },
    next,
    deliver: (service, parameters) =>
      new Promise((resolve, reject) => {
        const body = deliveryOf(service, parameters);
        const headers = {
          // Without the port (protocol 1.2).
          Host: new URL(address).hostname,
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
        };
        const asked = request(address, { method: 'POST', headers });
        asked.removeHeader('connection');
        asked.on('response', (response) => void textOf(response).then(resolve, reject));
        asked.on('error', reject);
        asked.end(body);
      }),
    stop: () => stopped(server),
  };
}

export function createWsSeedNode(prefix: string): SeedNode {
  const { hear, next } = createEar();
  const voice = createVoice(prefix);
  const answers = createEar();
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  let port = 0;
  let last: WebSocket | undefined;
  sockets.on('connection', (socket, { headers }) => {
    last = socket;
    socket.on('message', (data, isBinary) => {
      const text = String(data);
      const answer = voice(text);
      const heard = { text, headers, isBinary };
      if (answer === undefined) return answers.hear(heard);
      hear(heard);
      socket.send(answer);
    });
  });
  return {
    url: () => `ws://127.0.0.1:${port}`,
    async start() {
      await listening(server, 0);
      port = portOf(server.address(), 0);
    },
    next,
    async deliver(service, parameters) {
      last?.send(deliveryOf(service, parameters));
      return (await answers.next()).text;
    },
    stop() {
      for (const socket of sockets.clients) socket.terminate();
      return stopped(server);
    },
  };
}
