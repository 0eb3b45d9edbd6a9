// Tests how the real listener on 127.0.0.1 rejects requests that no node sends, from raw peers.
// Each gets the same answer, a closed connection, a log line and a count, and no request is
// delivered.
import { connect } from 'node:net';
import { createClock } from '../../../../../src/host/time.ts';
import { createHttpTransport } from '../../../../../src/backends/rvi/transport/http.ts';
import { fixedPath } from '../../../../../src/backends/rvi/transport/delivery-path.ts';
import { assert, suite } from '../../../../support/suite.ts';
import {
  answerText,
  countOf,
  createLogLines,
  createRecorder,
  raw,
} from '../../../../support/transport.ts';
import { until } from '../../../../support/idle.ts';
import type { Transport } from '../../../../../src/backends/rvi/transport/transport.ts';
import type { LogLines, Recorder } from '../../../../support/transport.ts';

const test = suite('http refusals');
let recorder: Recorder;
let log: LogLines;
let transport: Transport;
const port = () => Number(new URL(transport.networkAddress ?? '').port);

test.beforeEach(async () => {
  recorder = createRecorder();
  log = createLogLines();
  transport = createHttpTransport(
    { clock: createClock(), random: { unit: () => 0.5 }, log: log.log },
    {
      url: 'http://127.0.0.1:1',
      listen: { host: '127.0.0.1', port: 0 },
      networkAddress: undefined,
      tls: undefined,
      proxy: undefined,
      paths: fixedPath('/known'),
      requestTimeMs: 500,
    },
  );
  transport.open(recorder);
  await until('bound', () => recorder.events.length > 0);
});
test.afterEach(() => transport.close());

const refusal =
  'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n' +
  'Connection: close\r\n\r\nNot Found\n';
const type = 'Content-Type: application/json';
const body = '{"jsonrpc":"2.0"}';
const lineOf = (method = 'POST', path = '/known', version = '1.1') =>
  `${method} ${path} HTTP/${version}\r\n`;
const headersOf = (...more: readonly string[]) =>
  ['Host: 127.0.0.1', type, `Content-Length: ${body.length}`, ...more].join('\r\n');
const good = `${lineOf()}${headersOf()}\r\n\r\n${body}`;
const withHeader = (...more: readonly string[]) =>
  `${lineOf()}${headersOf(...more)}\r\n\r\n${body}`;

const chunked = 'Transfer-Encoding: chunked';
const preflight = 'Access-Control-Request-Method: POST';
const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'] as const;

type Case = readonly [what: string, sent: string | Buffer, reason: RegExp, answer?: string];
const cases: readonly Case[] = [
  ['GET', 'GET /known HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', /method/],
  ['HEAD', 'HEAD /known HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', /method/, refusal.slice(0, -10)],
  ['OPTIONS', `OPTIONS /known HTTP/1.1\r\nHost: 127.0.0.1\r\n${preflight}\r\n\r\n`, /method/],
  ['PUT with a body', good.replace('POST', 'PUT'), /method/],
  ['CONNECT', 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n', /method/],
  ['another path', good.replace('/known', '/other'), /path/],
  ['a request of a page', withHeader('Origin: https://page.example'), /origin/],
  ['an upgrade', withHeader(...upgrade), /upgrade|sec-websocket/],
  ['an upgrade by GET', good.replace('POST', 'GET').replace(type, upgrade.join('\r\n')), /method/],
  ['a foreign host', good.replace('Host: 127.0.0.1', 'Host: rebind.example'), /rebind\.example/],
  ['two hosts', withHeader('Host: 127.0.0.1'), /more than one header host/],
  ['no host', good.replace('Host: 127.0.0.1\r\n', ''), /no header host/],
  ['no host in HTTP/1.0', 'POST /known HTTP/1.0\r\n\r\n', /no header host/],
  ['text', good.replace('application/json', 'text/plain'), /content type/],
  ['a wrong expectation', withHeader('Expect: 200-ok'), /expectation/],
  ['an expectation of a page', withHeader('Expect: 100-continue', 'Origin: x'), /origin/],
  ['2001 headers', withHeader(...Array.from({ length: 2_001 }, () => 'a:'), 'b:'), /header a/],
  ['bare line feeds', good.replaceAll('\r\n', '\n'), /not an HTTP request/],
  ['a TLS handshake', Buffer.from('16030100050100000100', 'hex'), /TLS/],
  ['noise', 'what is this\r\n\r\n', /not an HTTP request/],
  ['another version', lineOf('POST', '/known', '9.9'), /not an HTTP request/],
  ['a head of 9 KiB', withHeader(`X-Forwarded-For: ${'x'.repeat(9_216)}`), /head is too large/],
  ['two lengths', withHeader('Content-Length: 5'), /not an HTTP request/],
  ['a length that is none', good.replace(/Length: \d+/, 'Length: 1e3'), /not an HTTP request/],
  ['an unfinished head', 'POST /known HTTP/1.1\r\nHost:', /not complete/],
  ['silence', '', /not complete/],
  ['half a body', good.slice(0, -3), /not complete/],
  ['a bad chunk', `${lineOf()}Host: 127.0.0.1\r\n${chunked}\r\n\r\nzz\r\n`, /not an HTTP/],
];

for (const [what, sent, reason, answer = refusal] of cases) {
  test(`refuses ${what}`, async () => {
    transport.onRegistration?.('complete', transport.networkAddress);
    const one = await raw(port(), sent);
    await until('closed', one.isClosed);
    assert.is(one.text(), answer);
    assert.equal(recorder.bodies, []);
    assert.is(recorder.refused(), 1);
    assert.is(log.lines.length, 1);
    const [line = ''] = log.lines;
    assert.match(line, /^warn request-rejected .*"address":"127\.0\.0\.1"/);
    assert.match(line, reason);
    assert.not.match(line, 'known');
    // The listener serves the next request.
    const next = await raw(port(), good);
    await until('served', () => next.text().endsWith(answerText));
    next.socket.destroy();
  });
}

test('refuses all before a service is registered', async () => {
  const one = await raw(port(), good);
  await until('closed', one.isClosed);
  assert.is(one.text(), refusal);
  assert.match(log.lines[0] ?? '', 'no service is registered yet');
  transport.onRegistration?.('begun', transport.networkAddress);
  const next = await raw(port(), good);
  await until('served', () => next.text().endsWith(answerText));
  next.socket.destroy();
});

test('a call that gets nowhere opens nothing', async () => {
  const call = { id: '1', text: '{}', timeLimitMs: 1_000 };
  assert.is((await transport.call(call)).ok, false);
  const one = await raw(port(), good);
  await until('closed', one.isClosed);
  assert.is(one.text(), refusal);
});

test('what follows a refused request is not read', async () => {
  transport.onRegistration?.('complete', transport.networkAddress);
  const first = good.replace('/known', '/other');
  const one = await raw(port(), `${first}${good}${good}`);
  await until('closed', one.isClosed);
  assert.is(countOf(one.text(), 'HTTP/1.1 '), 1);
  assert.equal(recorder.bodies, []);
});

test('what came before it is answered, in order', async () => {
  transport.onRegistration?.('complete', transport.networkAddress);
  const one = await raw(port(), `${good}${withHeader('Cookie: a=b')}`);
  await until('closed', one.isClosed);
  assert.ok(one.text().endsWith(answerText + refusal));
  assert.equal(recorder.bodies, [body]);
});

test('a body that waits to be asked for is asked for', async () => {
  transport.onRegistration?.('complete', transport.networkAddress);
  const one = await raw(port(), withHeader('Expect: 100-continue').slice(0, -body.length));
  await until('asked', () => one.text() === 'HTTP/1.1 100 Continue\r\n\r\n');
  one.socket.write(body);
  await until('served', () => one.text().endsWith(answerText));
  one.socket.destroy();
});

test('an endless body of a refused request ends', async () => {
  const head = good.replace('/known', '/other').replace(/Length: \d+/, 'Length: 999999999');
  const one = await raw(port(), head);
  const part = Buffer.alloc(65_536, 'x');
  for (let count = 0; count < 1_000 && !one.isClosed(); count += 1) {
    one.socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until('closed', one.isClosed);
});

test('counts each of a flood', async () => {
  transport.onRegistration?.('complete', transport.networkAddress);
  const all = await Promise.all(
    Array.from({ length: 60 }, () => raw(port(), withHeader('Origin: null'))),
  );
  await until('closed', () => all.every((one) => one.isClosed()));
  assert.is(recorder.refused(), 60);
});

/** Sends, waits for an answer, and resets the connection. */
function sendAndReset(sent: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port(), '127.0.0.1', () => socket.write(sent));
    socket.on('error', reject);
    socket.once('data', () => {
      socket.resetAndDestroy();
      resolve();
    });
  });
}

test('a peer that resets its connection after a refusal ends nothing', async () => {
  const head = headersOf('Expect: 100-continue');
  const requests = [
    'CONNECT a.example:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    'no request\r\n\r\n',
    withHeader(...upgrade),
    `${lineOf()}${head}\r\n\r\n`,
  ];
  // This process has no handler: an exception would end it here.
  for (let round = 0; round < 5; round += 1) {
    for (const sent of requests) await sendAndReset(sent);
  }
  const { status } = await fetch(`http://127.0.0.1:${port()}/`);
  assert.is(status, 404);
});

test.run();
