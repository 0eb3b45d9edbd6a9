// Tests the HTTP and WebSocket edges over real sockets, byte by byte where that matters (protocol
// 1.1, 1.2, 1.6).
import { createServer } from 'node:net';
import { WebSocket } from 'ws';
import { createBackend } from './backend.ts';
import { assert, suite } from '../support/suite.ts';
import { post } from './client.ts';
import { until } from '../support/idle.ts';
import type { AddressInfo, Socket } from 'node:net';
import type { Backend, BackendOptions } from './backend.ts';

const test = suite('the edges of the node');

const open: (() => Promise<void>)[] = [];
test.afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function begin(options: BackendOptions = {}): Promise<Backend> {
  const backend = createBackend(options);
  await backend.start();
  open.push(backend.stop);
  return backend;
}

/** A server that records what it receives; `onText` decides what it answers. */
async function listen(onText: (socket: Socket, text: string) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (text: string) => onText(socket, text));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  open.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => server.close(done));
  });
  const address = server.address();
  const isInfo = (value: unknown): value is AddressInfo => typeof value === 'object';
  return { port: isInfo(address) ? address.port : 0, sockets };
}

const callText = (method: string, params: object) =>
  JSON.stringify({ jsonrpc: '2.0', id: 7, method, params });
const register = (backend: Backend, network_address: string) =>
  post(backend.url, callText('register_service', { service: '/sota/notify', network_address }));
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';

const comes = (holds: () => boolean) => until('it', holds);

test('any path is served, and only by POST', async () => {
  const { url } = await begin();
  assert.is((await post(`${url}/any/path`, callText('x', {}))).status, 200);
  assert.is((await fetch(url)).status, 404);
});

test('0.4 takes any content type, and answers 501 to what is no JSON', async () => {
  const { url } = await begin();
  assert.is((await post(url, callText('x', {}), 'text/plain')).status, 200);
  assert.equal(await post(url, '{'), { status: 501, text: 'Internal Error' });
  assert.equal(await post(url, '{"jsonrpc":"2.0","method":"x","params":{}}'), {
    status: 200,
    text: '',
  });
});

test('0.5.1 closes without a reply unless the content type is exact', async () => {
  const { url } = await begin({ node: '0.5.1' });
  const statusOf = async (type: string) => {
    const reply = await post(url, callText('x', {}), type).catch(() => undefined);
    return reply?.status;
  };
  assert.is(await statusOf('application/json'), 200);
  assert.is(await statusOf('application/json-rpc'), 200);
  assert.is(await statusOf('application/json; charset=utf-8'), undefined);
  assert.is(await statusOf('text/plain'), undefined);
  assert.is((await post(url, '{')).status, 200);
});

test('a crash closes the connection without a reply', async () => {
  const { url } = await begin();
  const params = { service_name: 'x', timeout: 'soon', parameters: [{}] };
  const thrown = await post(url, callText('message', params)).catch(String);
  assert.match(String(thrown), 'socket hang up');
});

test('a delivery has three headers, its path, and no port in Host', async () => {
  const texts: string[] = [];
  const backend = await begin();
  const { port } = await listen((socket, text) => {
    texts.push(text);
    socket.write(ok);
  });
  await register(backend, `http://127.0.0.1:${port}/some/path`);
  backend.node.deliver('/sota/notify', [null], 1_000);
  await comes(() => texts.length === 1);
  await register(backend, `127.0.0.1:${port}`);
  backend.node.deliver('/sota/notify', [null], 1_000);
  await comes(() => texts.length === 2);
  assert.match(texts[1] ?? '', /^POST \/ HTTP/);
  const body =
    '{"jsonrpc":"2.0","id":1,"method":"message",' +
    '"params":{"service_name":"/sota/notify","parameters":[null]}}';
  const [head = '', sent = ''] = (texts[0] ?? '').split('\r\n\r\n');
  assert.is(sent, body);
  const [line = '', ...headers] = head.split('\r\n');
  assert.is(line, 'POST /some/path HTTP/1.1');
  assert.equal(headers.sort(), [
    `Content-Length: ${body.length}`,
    'Content-Type: application/json',
    'Host: 127.0.0.1',
  ]);
});

test('deliveries go at the same time, and their sockets are used again', async () => {
  const waiting: Socket[] = [];
  const backend = await begin();
  const { port, sockets } = await listen((socket) => waiting.push(socket));
  await register(backend, `127.0.0.1:${port}`);
  for (let count = 0; count < 5; count++) backend.node.deliver('/sota/notify', [null], 1_000);
  await comes(() => waiting.length === 5);
  assert.is(sockets.size, 5);
  for (const socket of waiting.splice(0)) socket.write(ok);
  await new Promise((done) => setTimeout(done, 50));
  for (let count = 0; count < 5; count++) backend.node.deliver('/sota/notify', [null], 1_000);
  await comes(() => waiting.length === 5);
  assert.is(sockets.size, 5);
  assert.equal(backend.failures, []);
});

test('an answer is waited for for a second, and the delivery is not repeated', async () => {
  let count = 0;
  const backend = await begin();
  const { port } = await listen(() => (count += 1));
  await register(backend, `127.0.0.1:${port}`);
  const startedMs = performance.now();
  backend.node.deliver('/sota/notify', [null], 1_000);
  await comes(() => backend.failures.length === 1);
  assert.match(backend.failures[0] ?? '', 'no answer in a second');
  assert.ok(performance.now() - startedMs > 900);
  assert.is(count, 1);
});

test('garbage, refusals and silence of the client change nothing for later messages', async () => {
  const answers = [
    'garbage',
    'HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    ok,
  ];
  let count = 0;
  const backend = await begin();
  const { port } = await listen((socket) => socket.write(answers[count++] ?? ok));
  await register(backend, `127.0.0.1:${port}`);
  for (const [at] of answers.entries()) {
    backend.node.deliver('/sota/notify', [null], 1_000);
    await comes(() => count === at + 1);
    await new Promise((done) => setTimeout(done, 20));
  }
  assert.is(backend.failures.length, 1);
});

test('an address that is none loses deliveries', async () => {
  const backend = await begin();
  await register(backend, 'http://');
  backend.node.deliver('/sota/notify', [null], 1_000);
  assert.match(backend.failures[0] ?? '', 'no address');
});

test('over WebSocket calls and deliveries are one text frame each', async () => {
  const backend = await begin({ transport: 'ws' });
  const socket = new WebSocket(backend.url);
  const frames: string[] = [];
  socket.on('message', (data, isBinary) => frames.push(`${isBinary} ${String(data)}`));
  await new Promise((done) => socket.on('open', done));
  socket.send(callText('register_service', { service: '/sota/notify' }));
  await comes(() => frames.length === 1);
  const full = 'genivi.org/vin/V1234567890123456/sota/notify';
  assert.is(frames[0], `false {"jsonrpc":"2.0","id":7,"result":{"status":0,"service":"${full}"}}`);
  backend.node.deliver('/sota/notify', [{ a: 1 }], 1_000);
  await comes(() => frames.length === 2);
  const params = '{"service_name":"/sota/notify","parameters":[{"a":1}]}';
  assert.is(frames[1], `false {"jsonrpc":"2.0","id":1,"method":"message","params":${params}}`);
  socket.send('{"jsonrpc":"2.0","id":1,"result":{"status":0}}');
  socket.send(callText('x', {}));
  await comes(() => frames.length === 3);
  assert.is(frames[2], 'false {"jsonrpc":"2.0","id":7,"result":{"status":1}}');
  backend.disconnect();
  await new Promise((done) => socket.on('close', done));
  backend.node.deliver('/sota/notify', [null], 1_000);
  assert.equal(backend.node.registered(), ['/sota/notify']);
  assert.equal(backend.failures, ['the connection is closed']);
});

test('an occupied port is an error', async () => {
  const { url } = await begin();
  const port = Number(new URL(url).port);
  const thrown = await createBackend({ port }).start().catch(String);
  assert.match(String(thrown), 'EADDRINUSE');
});

test.run();
