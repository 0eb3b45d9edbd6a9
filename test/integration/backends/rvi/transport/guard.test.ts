// Tests the guards of the transports: foreign code throws at each place where it calls a transport
// or is called by one. The call or the link must fail with a reason, and no exception may reach the
// process.
import process from 'node:process';
import { WebSocketServer } from 'ws';
import { callTimeoutMs } from '../../../../../src/limits.ts';
import { guardTransport } from '../../../../../src/backends/rvi/transport/guard.ts';
import { createHttpTransport } from '../../../../../src/backends/rvi/transport/http.ts';
import { createWebSocketTransport } from '../../../../../src/backends/rvi/transport/websocket.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';
import {
  closed,
  createLogLines,
  createRecorder,
  serveHttp,
} from '../../../../support/transport.ts';
import { pause, until } from '../../../../support/idle.ts';
import type { ProxyAddress } from '../../../../../src/backends/rvi/settings.ts';
import type { TlsSource } from '../../../../../src/backends/rvi/transport/tls.ts';
import type { CallResult, Transport } from '../../../../../src/backends/rvi/transport/transport.ts';
import type { TransportHandlers } from '../../../../../src/backends/rvi/transport/transport.ts';

const test = suite('what is thrown in a transport');
let escaped: unknown[] = [];
const note = (thrown: unknown) => void escaped.push(thrown);
test.before(() => {
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
});
test.after(() => {
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
});
test.beforeEach(() => {
  escaped = [];
});

const boom = () => {
  throw new Error('boom');
};

type Options = { readonly tls?: TlsSource; readonly proxy?: ProxyAddress };

function create(url: string, { tls, proxy }: Options = {}) {
  const clock = createFakeClock();
  const { log, lines } = createLogLines();
  const ports = { clock, random: { unit: () => 0.5 }, log };
  const way = { url, tls, proxy };
  const listen = { host: '127.0.0.1', port: 0 };
  const transport = url.startsWith('ws')
    ? createWebSocketTransport(ports, way)
    : createHttpTransport(ports, { ...way, listen, networkAddress: undefined });
  return { clock, lines, recorder: createRecorder(), transport };
}

const call = { id: '1', text: '{"id":1}', timeLimitMs: 2 * callTimeoutMs };
const reasonOf = (result: CallResult) => (result.ok ? 'ok' : `${result.code}: ${result.reason}`);

/** Returns the result of a call; first waits until the transport reports `up` or `down`. */
async function outcome(url: string, options: Options): Promise<string> {
  const { transport, recorder } = create(url, options);
  transport.open(recorder);
  await until('told', () => recorder.events.length > 0);
  const result = reasonOf(await transport.call(call));
  await transport.close();
  await pause(5);
  assert.equal(escaped, [], url);
  return result;
}

const proxy: ProxyAddress = {
  ...{ isSecure: false, host: '127.0.0.1', port: 1, authorization: undefined },
};

for (const [what, schemes, options] of [
  ['the TLS files reject', ['https', 'wss'], { tls: () => Promise.reject(new Error('boom')) }],
  ['the TLS files throw', ['https', 'wss'], { tls: boom }],
  ['the TLS files reject with no error', ['https'], { tls: () => Promise.reject('boom') }],
  [
    'the header for the proxy has characters that no header may have',
    ['http', 'ws'],
    { proxy: { ...proxy, authorization: 'boom\r\nX: y' } },
  ],
  ['the port of the proxy is none', ['http', 'ws'], { proxy: { ...proxy, port: 70_000 } }],
  [
    'the port of a proxy over TLS is none',
    ['http'],
    {
      proxy: { ...proxy, isSecure: true, port: -1 },
    },
  ],
] as const) {
  for (const scheme of schemes) {
    test(`a call fails where ${what} (${scheme})`, async () => {
      assert.match(await outcome(`${scheme}://127.0.0.1:9`, options), /^internal: .+/);
    });
  }
}

test('a URL that WebSockets do not take is a link that is down, tried again', async () => {
  const { transport, recorder, clock, lines } = create('ws://127.0.0.1:9/#part');
  transport.open(recorder);
  await until('down', () => recorder.events.length === 1);
  assert.match(recorder.events[0] ?? '', /^down: ws:.*this agent failed: .*fragment/);
  await clock.advance(20_000);
  assert.ok(lines.some((line) => line.startsWith('debug node-reconnecting')));
  await transport.close();
  assert.equal(escaped, []);
});

test('OpenSSL that takes no file of ours is named, with the key', async () => {
  const bad = Buffer.from('no certificate');
  const tls: TlsSource = () =>
    Promise.resolve({ cert: bad, key: bad, minVersion: 'TLSv1.2', rejectUnauthorized: true });
  for (const scheme of ['https', 'wss']) {
    const said = await outcome(`${scheme}://127.0.0.1:9`, { tls });
    assert.match(said, /^tls: .*the certificate or key of the agent cannot be read.*rvi\.tls_key$/);
  }
});

async function serveWebSocket() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((done) => server.on('listening', done));
  server.on('connection', (link) => {
    link.on('error', () => undefined);
    link.send('{"method":"message"}');
    link.on('message', () => link.send('{"id":1,"result":{"status":0}}'));
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const stop = () => {
    for (const link of server.clients) link.terminate();
    return new Promise<void>((done) => server.close(() => done()));
  };
  return { url: `ws://127.0.0.1:${port}`, stop };
}

for (const name of ['receive', 'answeredId', 'isFull', 'onUp'] as const) {
  test(`a link ends where the agent throws in ${name}, and comes again`, async () => {
    const node = await serveWebSocket();
    const { transport, recorder, clock } = create(node.url);
    const handlers: TransportHandlers = { ...recorder, [name]: boom };
    transport.open(handlers);
    const downs = () => recorder.events.filter((one) => one.startsWith('down')).length;
    await until('down', () => downs() === 1);
    assert.match(recorder.events.join(), /this agent failed: boom/);
    await clock.advance(20_000);
    await transport.close();
    await node.stop();
    await pause(5);
    assert.equal(escaped, []);
  });
}

test('an answer whose words cannot be read fails the call alone', async () => {
  const { url, server } = await serveHttp((_, response) => {
    response.writeHead(200, { 'Content-Type': 'x\u00ff' }).end('\ufeff<html>\u001b[2J\u202e');
  });
  const { transport, recorder } = create(url);
  transport.open(recorder);
  const said = reasonOf(await transport.call(call));
  assert.match(said, /^status: http:.*HTTP status 200 \(x.\).*: check rvi.url; it begins: /);
  assert.not.match(said, /[\u0000-\u001f\u202e]/);
  await transport.close();
  await closed(server);
  assert.equal(escaped, []);
});

test('whatever a whole transport throws becomes a failure, and a line of the log', async () => {
  const { log, lines } = createLogLines();
  const broken: Transport = {
    ...{ open: boom, resume: boom, networkAddress: undefined },
    call: () => Promise.reject(new Error('boom')),
    close: () => Promise.reject(new Error('boom')),
  };
  const guarded = guardTransport(broken, 'http://node', log);
  const recorder = createRecorder();
  guarded.open(recorder);
  assert.equal(recorder.events, ['down: http://node: this agent failed: boom']);
  assert.is(reasonOf(await guarded.call(call)), 'internal: http://node: this agent failed: boom');
  guarded.resume();
  await guarded.close();
  assert.is(lines.filter((line) => line.startsWith('error transport-failed')).length, 3);
  const sync = guardTransport({ ...broken, call: boom, close: boom }, 'http://node', log);
  assert.match(reasonOf(await sync.call(call)), 'boom');
  await sync.close();
  assert.equal(escaped, []);
});

test('the guard of the test sees what escapes', async () => {
  void Promise.reject(new Error('seen'));
  await until('seen', () => escaped.length === 1);
});

test.run();
