// The simplest vehicle that can finish a session, over both transports. It keeps chunks in memory,
// acks the full list, and reports.
import { createHash } from 'node:crypto';
import { createServer, request } from 'node:http';
import { WebSocket } from 'ws';
import { isBody } from './dialect.ts';
import { vehicleServices } from './backend.ts';
import { vin } from './fakes.ts';
import type { Body } from './dialect.ts';

type Receive = (service: string, head: Body) => void;

export type Link = {
  /** Returns the result of the call. */
  call(method: string, params: Body): Promise<Body>;
  /** Parameters that are added to each registration. */
  readonly address: Body;
  close(): Promise<void>;
};

const answered = (id: unknown) => JSON.stringify({ jsonrpc: '2.0', id, result: { status: 0 } });

export function post(
  url: string,
  text: string,
  type = 'application/json',
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) };
    // The node may have closed a kept socket.
    const asked = request(url, { method: 'POST', headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: body }));
    });
    asked.on('error', reject).end(text);
  });
}

export async function linkByHttp(url: string, receive: Receive): Promise<Link> {
  const server = createServer((incoming, response) => {
    let text = '';
    incoming.setEncoding('utf8').on('data', (part: string) => (text += part));
    incoming.on('end', () => {
      const call = bodyOf(text);
      response.end(answered(call['id']));
      pass(call, receive);
    });
  });
  const port = await listen(server);
  let id = 0;
  return {
    address: { network_address: `127.0.0.1:${port}` },
    async call(method, params) {
      id += 1;
      const { text } = await post(url, JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return resultOf(bodyOf(text));
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

export async function linkByWs(url: string, receive: Receive): Promise<Link> {
  const socket = new WebSocket(url);
  const waiting = new Map<unknown, (result: Body) => void>();
  await new Promise((done, reject) => socket.on('open', done).on('error', reject));
  let id = 0;
  socket.on('message', (data) => {
    const body = bodyOf(String(data));
    const settle = body['method'] === undefined ? waiting.get(body['id']) : undefined;
    if (settle !== undefined) return settle(resultOf(body));
    socket.send(answered(body['id']));
    pass(body, receive);
  });
  return {
    address: {},
    call(method, params) {
      id += 1;
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return new Promise((settle) => waiting.set(id, settle));
    },
    close: () =>
      new Promise((done) => {
        if (socket.readyState === WebSocket.CLOSED) return done();
        socket.on('close', () => done());
        socket.terminate();
      }),
  };
}

export type Vehicle = { readonly close: () => Promise<void>; readonly sha1: () => string };

/** Registers, and takes part in the session until the report. */
export async function startVehicle(connect: (receive: Receive) => Promise<Link>): Promise<Vehicle> {
  const held = new Map<number, Buffer>();
  const payload = () => Buffer.concat([...held].sort(([a], [b]) => a - b).map(([, data]) => data));
  const sha1 = () => createHash('sha1').update(payload()).digest('hex');
  const names = new Map<string, string>();
  // The other five registrations precede a notify that waited for its service.
  let registered: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (registered = resolve));
  const link = await connect((service, head) => void ready.then(() => act(service, head)));

  function act(service: string, head: Body): void {
    const { package: id } = head;
    switch (service) {
      case '/sota/notify': {
        const packages = idsOf(head['packages']);
        return say('start', { packages, services: Object.fromEntries(names) });
      }
      case '/sota/start':
        held.clear();
        return say('ack', { package: id, chunks: [] });
      case '/sota/chunk':
        held.set(Number(head['index']), Buffer.from(String(head['bytes']), 'base64'));
        return say('ack', { package: id, chunks: [...held.keys()] });
      case '/sota/finish':
        return say('report', { package: id, status: true, description: sha1() });
      case '/sota/getpackages':
        return say('packages', { packages: [] });
    }
  }

  function say(name: string, body: Body): void {
    void link.call('message', {
      service_name: `genivi.org/backend/sota/${name}`,
      timeout: Math.floor(Date.now() / 1_000) + 90,
      parameters: [{ vin, ...body }],
    });
  }

  try {
    for (const service of vehicleServices) {
      const { service: full } = await link.call('register_service', { service, ...link.address });
      names.set(service.replace('/sota/', ''), String(full));
    }
  } catch (error) {
    await link.close();
    throw error;
  }
  registered();
  return { close: link.close, sha1 };
}

function pass(call: Body, receive: Receive): void {
  const params = isBody(call['params']) ? call['params'] : {};
  const list: unknown = params['parameters'];
  const head: unknown = Array.isArray(list) ? list[0] : undefined;
  receive(String(params['service_name']), isBody(head) ? head : {});
}

function idsOf(packages: unknown): readonly unknown[] {
  return Array.isArray(packages) ? packages.map((one) => (isBody(one) ? one['package'] : one)) : [];
}

function bodyOf(text: string): Body {
  const value: unknown = JSON.parse(text);
  return isBody(value) ? value : {};
}

function resultOf({ result }: Body): Body {
  return isBody(result) ? result : {};
}

export function listen(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
