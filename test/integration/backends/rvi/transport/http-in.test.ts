// Tests the real listener on 127.0.0.1 with a client like the node's, which has a pool of kept
// connections. Raw connections then send what no node sends.
import { Agent, request } from 'node:http';
import { connectionsMax, messageBytesMax } from '../../../../../src/limits.ts';
import { createClock } from '../../../../../src/host/time.ts';
import { createHttpTransport } from '../../../../../src/backends/rvi/transport/http.ts';
import { assert, suite } from '../../../../support/suite.ts';
import {
  answerText,
  countOf,
  createLogLines,
  createRecorder,
  head,
  raw,
} from '../../../../support/transport.ts';
import { until } from '../../../../support/idle.ts';
import type {
  Transport,
  TransportHandlers,
} from '../../../../../src/backends/rvi/transport/transport.ts';
import type { LogLines, Raw, Recorder } from '../../../../support/transport.ts';

const test = suite('http deliveries');
let recorder: Recorder;
let log: LogLines;
let transport: Transport;
const shortMs = 200;
const port = () => Number(new URL(transport.networkAddress ?? '').port);

function create(handlers: TransportHandlers, requestTimeMs = shortMs): void {
  transport = createHttpTransport(
    { clock: createClock(), random: { unit: () => 0.5 }, log: log.log },
    {
      url: 'http://127.0.0.1:1',
      listen: { host: '127.0.0.1', port: 0 },
      networkAddress: undefined,
      tls: undefined,
      proxy: undefined,
      requestTimeMs,
    },
  );
  const onUp = () => {
    // The node has answered the first registration.
    transport.onRegistration?.('begun', transport.networkAddress);
    handlers.onUp();
  };
  transport.open({ ...handlers, onUp });
}

test.beforeEach(async () => {
  recorder = createRecorder();
  log = createLogLines();
  create(recorder);
  await until('bound', () => recorder.events.length > 0);
  assert.equal(recorder.events, ['up']);
});
test.afterEach(() => transport.close());

type Got = { readonly status: number; readonly type: string; readonly text: string };

function deliver(agent: Agent, body: string, path = '/', method = 'POST'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Length': Buffer.byteLength(body) };
    const sent = request({ host: '127.0.0.1', port: port(), agent, method, path, headers });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      const type = String(response.headers['content-type']);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, type, text }));
    });
    sent.end(body);
  });
}

const chunk = (at: number) => JSON.stringify({ at, bytes: 'A'.repeat(87_384) });

test('takes a burst of 100 deliveries of chunks over 50 connections, and loses none', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const sent = Array.from({ length: 100 }, (_, at) => chunk(at));
  const got = await Promise.all(sent.map((body) => deliver(agent, body)));
  for (const { status, type, text } of got) {
    assert.equal([status, type, text], [200, 'application/json', answerText]);
  }
  assert.equal(recorder.bodies.toSorted(), sent.toSorted());
  agent.destroy();
});

test('takes a burst of 100 on a connection each', async () => {
  // A busy machine needs more time than the limit of the other tests.
  await transport.close();
  create(recorder, 60_000);
  await until('bound', () => recorder.events.length === 2);
  const all = await Promise.all(Array.from({ length: 100 }, () => raw(port())));
  for (const [at, one] of all.entries()) one.socket.write(`${head(chunk(at).length)}${chunk(at)}`);
  await until('answered', () => all.every((one) => one.text().endsWith(answerText)));
  assert.is(new Set(recorder.bodies).size, 100);
  for (const one of all) one.socket.destroy();
});

test('answers what a node sends, and keeps the connection', async () => {
  const type = 'Content-Type: application/json';
  const one = await raw(
    port(),
    `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n${type}\r\nContent-Length: 2\r\n\r\n{}`,
  );
  await until('answered', () => one.text().endsWith(answerText));
  assert.match(one.text(), /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(one.text(), /\r\nContent-Type: application\/json\r\n/);
  assert.match(one.text(), new RegExp(`\r\nContent-Length: ${answerText.length}\r\n`));
  assert.match(one.text(), /\r\nKeep-Alive: timeout=3600\r\n/);
  one.socket.write(`${head(2)}[]`);
  await until('answered again', () => countOf(one.text(), answerText) === 2);
  assert.equal(recorder.bodies, ['{}', '[]']);
  one.socket.destroy();
});

test('answers with an empty body where there is nothing to say', async () => {
  await transport.close();
  create({ ...recorder, receive: () => undefined });
  await until('bound', () => recorder.events.length === 2);
  const { status, type, text } = await deliver(new Agent(), '{}');
  assert.equal([status, type, text], [200, 'application/json', '']);
});

test('takes a message of the largest size, whole', async () => {
  const agent = new Agent();
  const body = 'x'.repeat(messageBytesMax);
  assert.is((await deliver(agent, body)).text, answerText);
  assert.is(recorder.bodies[0], body);
});

test('refuses a larger one, and serves the next on the same connection', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const got = await deliver(agent, 'x'.repeat(messageBytesMax + 1));
  assert.equal([got.status, got.text], [200, 'refused too-large']);
  assert.equal(recorder.bodies, []);
  assert.is((await deliver(agent, '{}')).text, answerText);
  assert.ok(log.lines.some((line) => /^warn request-rejected .*too-large/.test(line)));
  agent.destroy();
});

test('cuts off a body without end', async () => {
  const one = await raw(port(), head(1e12));
  const part = Buffer.alloc(messageBytesMax);
  for (let count = 0; count < 40 && !one.isClosed(); count += 1) {
    one.socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until('cut off', one.isClosed);
  assert.equal(recorder.bodies, []);
});

const inChunks = (body: string, size: number) =>
  `${(body.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [])
    .map((part) => `${part.length.toString(16)}\r\n${part}\r\n`)
    .join('')}0\r\n\r\n`;
const chunkedHead = 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n';

test('takes chunked bodies, also in chunks of a byte', async () => {
  const small = 'abcdefgh'.repeat(1_000);
  const large = chunk(1);
  const parts = [chunkedHead, inChunks(small, 1), chunkedHead, inChunks(large, 7_000)];
  const one = await raw(port(), ...parts);
  await until('answered', () => countOf(one.text(), answerText) === 2);
  assert.equal(recorder.bodies, [small, large]);
  one.socket.destroy();
});

test('refuses a chunked body that grows too large', async () => {
  const body = inChunks('x'.repeat(messageBytesMax + 1), 50_000);
  const one = await raw(port(), chunkedHead, body, `${head(2)}{}`);
  await until('answered', () => one.text().includes(answerText));
  assert.is(countOf(one.text(), 'refused too-large'), 1);
  one.socket.destroy();
});

test('answers busy while the agent has no room', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  recorder.fill(true);
  assert.is((await deliver(agent, chunk(1))).text, 'refused busy');
  recorder.fill(false);
  assert.is((await deliver(agent, chunk(2))).text, answerText);
  assert.is(recorder.bodies.length, 1);
  agent.destroy();
});

test('cuts off who sends nothing, half a head, or half a body, and serves others', async () => {
  const slow = await Promise.all([
    raw(port()),
    raw(port(), 'POST / HTTP/1.1\r\nHost'),
    raw(port(), `${head(1_000)}half`),
  ]);
  const drip = setInterval(() => {
    for (const one of slow.slice(1)) if (!one.isClosed()) one.socket.write('x');
  }, 20);
  const agent = new Agent();
  assert.is((await deliver(agent, '{}')).text, answerText);
  await until('all cut off', () => slow.every((one) => one.isClosed()));
  clearInterval(drip);
  assert.equal(recorder.bodies, ['{}']);
});

test('leaves a kept connection alone that rests longer than a request may take', async () => {
  const one = await raw(port(), `${head(2)}{}`);
  await until('answered', () => countOf(one.text(), answerText) === 1);
  await new Promise((resolve) => setTimeout(resolve, 3 * shortMs));
  one.socket.write(`${head(2)}{}`);
  await until('answered again', () => countOf(one.text(), answerText) === 2);
  one.socket.destroy();
});

test('outlives what is no HTTP, and senders that vanish', async () => {
  const noise = await raw(port(), '\u0016\u0003\u0001 what is this\r\n\r\n');
  await until('refused', noise.isClosed);
  const long = await raw(port(), `POST / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`);
  await until('refused', long.isClosed);
  const gone = await raw(port(), `${head(1_000)}half`);
  gone.socket.resetAndDestroy();
  assert.is((await deliver(new Agent(), '{}')).text, answerText);
  assert.equal(recorder.bodies, ['{}']);
});

test('lets the connection that rested longest make room for a new one', async () => {
  const all: Raw[] = [];
  for (let count = 0; count < connectionsMax; count += 1) {
    const one = await raw(port(), `${head(2)}{}`);
    await until('answered', () => one.text().endsWith(answerText));
    all.push(one);
  }
  // The first is used again, so that the second is idle for the longest time.
  all[0]?.socket.write(`${head(2)}{}`);
  await until('answered', () => countOf(all[0]?.text() ?? '', answerText) === 2);
  const late = await raw(port(), `${head(2)}{}`);
  await until('served', () => late.text().endsWith(answerText));
  await until('made room', () => all[1]?.isClosed() === true);
  assert.is(all.filter((one) => one.isClosed()).length, 1);
  for (const one of [...all, late]) one.socket.destroy();
});

test('bounds the connections at work, too', async () => {
  const silent = await Promise.all(Array.from({ length: 2 * connectionsMax }, () => raw(port())));
  const late = await raw(port(), `${head(2)}{}`);
  await until('refused', late.isClosed);
  assert.is(silent.filter((one) => one.isClosed()).length, 0);
  assert.ok(log.lines.some((line) => line.startsWith('warn connection-limit')));
  await until('cut off', () => silent.every((one) => one.isClosed()));
  assert.is((await deliver(new Agent(), '{}')).text, answerText);
});

test('ends kept connections when it closes', async () => {
  const one = await raw(port(), `${head(2)}{}`);
  await until('answered', () => one.text().endsWith(answerText));
  await transport.close();
  await until('closed', one.isClosed);
});

test.run();
