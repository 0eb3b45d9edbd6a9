// Tests calls to nodes on 127.0.0.1 that answer correctly, wrongly, late, too much, or not at all.
import { createServer } from 'node:net';
import { callTimeoutMs, messageBytesMax } from '../../../../../src/limits.ts';
import { createPoster } from '../../../../../src/backends/rvi/transport/http-out.ts';
import { createClock } from '../../../../../src/host/time.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';
import { closed, countOf, freePort, listening, serveHttp } from '../../../../support/transport.ts';
import { pause, until } from '../../../../support/idle.ts';
import type { Socket } from 'node:net';
import type { Call, CallResult } from '../../../../../src/backends/rvi/transport/transport.ts';

const test = suite('http calls');

const call = (text: string, timeLimitMs = callTimeoutMs): Call => ({ id: '1', text, timeLimitMs });
const straight = { tls: undefined, proxy: undefined };
const post = (url: string) => createPoster(createClock(), { url, ...straight });
const codeOf = (result: CallResult) => (result.ok ? `ok ${result.text}` : result.code);

/** A raw node: `serve` gets each request (head and body in one) and its connection. */
async function serveRaw(serve: (text: string, socket: Socket, connection: number) => void) {
  let connections = 0;
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    const connection = connections;
    sockets.add(socket);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (data) => {
      text += data.toString();
      if (!text.endsWith('}')) return;
      requests.push(text);
      serve(text, socket, connection);
      text = '';
    });
  });
  const url = `http://127.0.0.1:${await listening(server)}`;
  const close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((done) => server.close(done));
  };
  return { url, requests, connections: () => connections, close };
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';

test('says exactly the headers that a node takes, on one kept connection, in order', async () => {
  const node = await serveRaw((_, socket) => socket.write(ok));
  const poster = post(node.url);
  const sent = ['{"a":1}', '{"b":"ä"}', '{"c":3}'];
  const results = await Promise.all(sent.map((text) => poster.post(call(text))));
  assert.equal(results.map(codeOf), ['ok {}', 'ok {}', 'ok {}']);
  assert.equal(
    node.requests.map((text) => text.split('\r\n\r\n')[1]),
    sent,
  );
  assert.is(node.connections(), 1);
  const [start, ...headers] = (node.requests[1] ?? '').split('\r\n\r\n')[0]?.split('\r\n') ?? [];
  assert.is(start, 'POST / HTTP/1.1');
  assert.equal(headers.toSorted(), [
    'Connection: keep-alive',
    'Content-Length: 10',
    'Content-Type: application/json',
    `Host: ${new URL(node.url).host}`,
  ]);
  poster.close();
  await node.close();
});

test('gives the text of the answer, and other statuses as failures', async () => {
  const { url, server } = await serveHttp((request, response) => {
    if (request.url !== '/odd') return void response.end('{"result":"ä"}');
    response.writeHead(501, { 'Content-Type': 'text/plain' }).end('Internal Error');
  });
  const [good, odd] = [post(url), post(`${url}/odd`)];
  assert.equal(await good.post(call('{}')), { ok: true, text: '{"result":"ä"}' });
  const result = await odd.post(call('{}'));
  assert.is(codeOf(result), 'status');
  const said = result.ok ? '' : result.reason;
  assert.match(said, `${url}: HTTP status 501 (text/plain): not an answer of an RVI node`);
  assert.match(said, 'check rvi.url; it begins: Internal Error');
  good.close();
  odd.close();
  await closed(server);
});

test('gives up an answer that is too large, in length or in chunks', async () => {
  const { url, server } = await serveHttp((_, response) => {
    response.write('x'.repeat(messageBytesMax));
    response.end('y');
  });
  const poster = post(url);
  assert.is(codeOf(await poster.post(call('{}'))), 'too-large');
  poster.close();
  await closed(server);
});

test('gives up when the time is over: no answer, half a head, half a body', async () => {
  for (const part of ['', 'HTTP/1.1 200 OK\r\nContent-', ok.slice(0, -1)]) {
    const node = await serveRaw((_, socket) => socket.write(part));
    const clock = createFakeClock();
    const poster = createPoster(clock, { url: node.url, tls: undefined, proxy: undefined });
    const made = poster.post(call('{}'));
    await until('asked', () => node.requests.length === 1);
    await pause(10);
    await clock.advance(callTimeoutMs);
    assert.is(codeOf(await made), 'timeout');
    assert.is(clock.waiting(), 0);
    await pause(10);
    assert.is(node.requests.length, 1);
    poster.close();
    await node.close();
  }
});

test('says who refused the connection, also where a name has two addresses', async () => {
  const port = await freePort();
  for (const host of ['127.0.0.1', 'localhost']) {
    const url = `http://${host}:${port}`;
    const poster = post(url);
    const result = await poster.post(call('{}'));
    assert.is(codeOf(result), 'refused');
    const said = result.ok ? '' : result.reason;
    assert.match(said, new RegExp(`^${url}: no process accepts connections there`));
    assert.match(said, /connect ECONNREFUSED 127.*: check rvi.url$/);
    poster.close();
  }
});

for (const [how, end] of [
  ['reset', (socket: Socket) => void socket.resetAndDestroy()],
  ['closed', (socket: Socket) => void socket.destroy()],
] as const) {
  test(`repeats a call once when its kept connection was ${how} under it`, async () => {
    const node = await serveRaw((_, socket, connection) => {
      if (connection === 1 && node.requests.length === 2) end(socket);
      else socket.write(ok);
    });
    const poster = post(node.url);
    assert.is(codeOf(await poster.post(call('{"a":1}'))), 'ok {}');
    assert.is(codeOf(await poster.post(call('{"b":2}'))), 'ok {}');
    assert.is(countOf(node.requests.join(), '{"b":2}'), 2);
    assert.is(node.connections(), 2);
    poster.close();
    await node.close();
  });
}

test('repeats it once only, and within the time of the one call', async () => {
  const clock = createFakeClock();
  const node = await serveRaw((_, socket) => {
    if (node.requests.length === 1) socket.write(ok);
    else if (node.requests.length === 2) socket.resetAndDestroy();
  });
  const poster = createPoster(clock, { url: node.url, tls: undefined, proxy: undefined });
  assert.is(codeOf(await poster.post(call('{"a":1}'))), 'ok {}');
  const made = poster.post(call('{"b":2}'));
  await until('repeated', () => node.requests.length === 3);
  await clock.advance(callTimeoutMs);
  assert.is(codeOf(await made), 'timeout');
  assert.is(node.requests.length, 3);
  poster.close();
  await node.close();
});

test('does not repeat a call that failed on a fresh connection', async () => {
  const node = await serveRaw((_, socket) => void socket.resetAndDestroy());
  const poster = post(node.url);
  assert.is(codeOf(await poster.post(call('{}'))), 'closed');
  assert.is(node.requests.length, 1);
  poster.close();
  await node.close();
});

test('does not repeat a call of whose answer a byte has come', async () => {
  for (const part of ['H', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{']) {
    const node = await serveRaw((_, socket) => {
      if (node.requests.length === 1) return void socket.write(ok);
      socket.write(part, () => setTimeout(() => socket.resetAndDestroy(), 20));
    });
    const poster = post(node.url);
    assert.is(codeOf(await poster.post(call('{"a":1}'))), 'ok {}');
    assert.is(codeOf(await poster.post(call('{"b":2}'))), 'closed');
    assert.is(node.requests.length, 2);
    poster.close();
    await node.close();
  }
});

test('takes a fresh connection when the node closed the kept one at rest', async () => {
  const node = await serveRaw((_, socket) => void socket.end(ok));
  const poster = post(node.url);
  for (const text of ['{"a":1}', '{"b":2}', '{"c":3}']) {
    assert.is(codeOf(await poster.post(call(text))), 'ok {}');
    await pause(10);
  }
  assert.is(node.requests.length, 3);
  poster.close();
  await node.close();
});

test('ends calls that wait when it is closed', async () => {
  const node = await serveRaw(() => undefined);
  const poster = post(node.url);
  const made = poster.post(call('{}'));
  await until('asked', () => node.requests.length === 1);
  poster.close();
  assert.is(codeOf(await made), 'closed');
  await node.close();
});

test.run();
