// Tests calls through a proxy on 127.0.0.1 that supports CONNECT and records its requests, to nodes
// behind the proxy, over each scheme.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import process from 'node:process';
import { WebSocketServer } from 'ws';
import { proxyUrl } from '../../../../../src/config/addresses.ts';
import { callTimeoutMs } from '../../../../../src/limits.ts';
import { createHttpTransport } from '../../../../../src/backends/rvi/transport/http.ts';
import { createTls } from '../../../../../src/backends/rvi/transport/tls.ts';
import { createWebSocketTransport } from '../../../../../src/backends/rvi/transport/websocket.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';
import { hasOpenssl, makeCertificates } from '../../../../support/certificates.ts';
import {
  closed,
  createLogLines,
  createRecorder,
  freePort,
  listening,
} from '../../../../support/transport.ts';
import { serveHttp } from '../../../../support/transport.ts';
import { pause, until } from '../../../../support/idle.ts';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TlsContext } from '../../../../../src/backends/rvi/transport/tls.ts';
import type { CallResult } from '../../../../../src/backends/rvi/transport/transport.ts';

const test = suite('proxy');

type Proxy = { readonly host: string; readonly asked: IncomingMessage[]; stop(): Promise<void> };

async function createProxy(serve: (socket: Duplex, target: string) => void): Promise<Proxy> {
  const asked: IncomingMessage[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer();
  server.on('connect', (request, socket) => {
    asked.push(request);
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket, request.url ?? '');
  });
  const host = `127.0.0.1:${await listening(server)}`;
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    return closed(server);
  };
  return { host, asked, stop };
}

function tunnel(socket: Duplex, target: string): void {
  const [host, port] = target.split(':');
  const onward = connect(Number(port), host);
  onward.on('error', () => void socket.destroy());
  // A pipe passes on an end, but no reset; the node would keep its side open.
  socket.on('close', () => void onward.destroy());
  onward.on('connect', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    onward.pipe(socket).pipe(onward);
  });
}

function create(url: string, proxy: string, tls?: TlsContext) {
  const clock = createFakeClock();
  const ports = { clock, random: { unit: () => 0.5 }, log: createLogLines().log };
  const read = proxyUrl.read(proxy);
  if (!read.ok) throw new Error(read.wanted);
  const way = { url, proxy: read.value, tls: tls && (() => Promise.resolve(tls)) };
  const listen = { host: '127.0.0.1', port: 0 };
  const transport = url.startsWith('ws')
    ? createWebSocketTransport(ports, way)
    : createHttpTransport(ports, { ...way, listen, networkAddress: undefined });
  return { clock, transport, recorder: createRecorder() };
}

const call = { id: '1', text: '{"id":1}', timeLimitMs: 2 * callTimeoutMs };
const codeOf = (result: CallResult) => (result.ok ? `ok ${result.text}` : result.code);
const reasonOf = (result: CallResult) => (result.ok ? '' : result.reason);

for (const scheme of ['http', 'https', 'ws', 'wss'] as const) {
  const isSecure = scheme === 'https' || scheme === 'wss';
  test.needs('openssl', !isSecure || hasOpenssl)(`leads to a node over ${scheme}`, async () => {
    const made = isSecure ? makeCertificates() : undefined;
    const mine = { ca: made?.ca.cert, ...(made?.vehicle ?? { cert: undefined, key: undefined }) };
    const tls = made === undefined ? undefined : createTls(mine);
    const demand = { ...made?.node, ca: made?.ca.cert ?? [], requestCert: true };
    const node: Server = isSecure ? createTlsServer(demand) : createServer();
    node.on('request', (_, response) => void response.end('{"id":1}'));
    const links = new WebSocketServer({ server: node });
    links.on('connection', (link) => link.on('message', () => link.send('{"id":1}')));
    const target = `127.0.0.1:${await listening(node)}`;
    const proxy = await createProxy(tunnel);
    const context = tls?.ok === true ? tls.value : undefined;
    const url = `${scheme}://${target}`;
    const { transport, recorder } = create(url, `http://${proxy.host}`, context);
    transport.open(recorder);
    await until('open', () => recorder.events.length === 1);
    for (let count = 0; count < 3; count += 1) {
      assert.is(codeOf(await transport.call(call)), 'ok {"id":1}');
    }
    assert.equal(
      proxy.asked.map(({ url, headers }) => [url, headers.host, headers['proxy-authorization']]),
      [[target, target, undefined]],
    );
    await transport.close();
    await proxy.stop();
    await closed(node);
  });
}

test.needs('openssl', hasOpenssl)('verifies a proxy too, whatever the environment', async () => {
  const { node } = makeCertificates();
  const proxy = createTlsServer(node);
  const host = `127.0.0.1:${await listening(proxy)}`;
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  const { transport } = create('http://127.0.0.1:1', `https://${host}`);
  const said = await transport.call(call);
  delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  assert.is(codeOf(said), 'tls', reasonOf(said));
  await transport.close();
  await closed(proxy);
});

test('says who we are where the proxy has a user', async () => {
  const { url, server } = await serveHttp((_, response) => void response.end('{"id":1}'));
  const proxy = await createProxy(tunnel);
  const { transport } = create(url, `http://us%40x:p%3Aw@${proxy.host}`);
  assert.is(codeOf(await transport.call(call)), 'ok {"id":1}');
  const said = proxy.asked[0]?.headers['proxy-authorization'];
  assert.is(said, `Basic ${Buffer.from('us@x:p:w').toString('base64')}`);
  await transport.close();
  await proxy.stop();
  await closed(server);
});

test('names the proxy that refuses, breaks off or is not there, never its password', async () => {
  const refusing = await createProxy((socket) => {
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
  });
  const breaking = await createProxy((socket) => void socket.destroy());
  const gone = `127.0.0.1:${await freePort()}`;
  for (const [host, code, why] of [
    [refusing.host, 'refused', `the proxy ${refusing.host} answered HTTP status 407`],
    [breaking.host, 'closed', `the proxy ${breaking.host}: the proxy ended the connection`],
    [gone, 'refused', `ECONNREFUSED ${gone}`],
  ] as const) {
    for (const url of ['http://192.0.2.1:8901', 'ws://192.0.2.1:8908']) {
      const { transport, recorder } = create(url, `http://us:secret@${host}`);
      transport.open(recorder);
      await until('told', () => recorder.events.length > 0);
      const result = await transport.call(call);
      assert.is(codeOf(result), code);
      assert.match(reasonOf(result), why);
      assert.not.match([reasonOf(result), ...recorder.events].join(), 'secret');
      await transport.close();
    }
  }
  await refusing.stop();
  await breaking.stop();
});

test('gives up a proxy that does not answer', async () => {
  const proxy = await createProxy(() => undefined);
  for (const url of ['http://192.0.2.1:8901', 'ws://192.0.2.1:8908']) {
    const { transport, recorder, clock } = create(url, `http://${proxy.host}`);
    transport.open(recorder);
    const made = url.startsWith('http') ? transport.call(call) : undefined;
    const { length } = proxy.asked;
    await until('asked', () => proxy.asked.length > length - 1 && clock.waiting() > 0);
    await pause(20);
    await clock.advance(callTimeoutMs);
    await until('told', () => recorder.events.length === 1);
    assert.is(codeOf(await (made ?? transport.call(call))), 'timeout');
    await transport.close();
  }
  await proxy.stop();
});

test('does not wait for a proxy that does not answer, when it is closed', async () => {
  let opened = 0;
  const proxy = await createProxy((socket) => {
    opened += 1;
    socket.resume();
    socket.on('end', () => (opened -= 1));
  });
  for (const url of ['http://192.0.2.1:8901', 'ws://192.0.2.1:8908']) {
    const { transport, recorder, clock } = create(url, `http://${proxy.host}`);
    transport.open(recorder);
    const said: string[] = [];
    const make = () => transport.call(call).then((result) => void said.push(codeOf(result)));
    if (url.startsWith('http')) void make();
    await until('asked', () => opened === 1);
    await transport.close();
    // A call after close does not open a connection either.
    void make();
    await until('told', () => said.length === (url.startsWith('http') ? 2 : 1));
    await until('let go', () => opened === 0 && clock.waiting() === 0);
    assert.ok(
      said.every((code) => code === 'closed'),
      said.join(),
    );
  }
  assert.is(proxy.asked.length, 2);
  await proxy.stop();
});

test('names the proxy when it hangs up, refuses or speaks no HTTP, and its key', async () => {
  const answers = [
    ['HTTP/1.1 502 Bad Gateway\r\n\r\n', /answered HTTP status 502: it cannot reach 192\.0\.2/],
    ['HTTP/1.1 403 Forbidden\r\n\r\n', /answered HTTP status 403: it does not allow a connection/],
    ['HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n', /answered HTTP status 302: it did not/],
    ['SSH-2.0-OpenSSH_9.2\r\n', /did not answer in HTTP \(HPE_/],
    ['', /the proxy ended the connection without an answer/],
  ] as const;
  for (const [bytes, said] of answers) {
    const proxy = await createProxy((socket) => void socket.end(bytes));
    for (const url of ['http://192.0.2.1:8901', 'ws://192.0.2.1:8908']) {
      const { transport, recorder } = create(url, `http://${proxy.host}`);
      transport.open(recorder);
      await until('told', () => recorder.events.length > 0);
      const reason = reasonOf(await transport.call(call));
      assert.match(reason, said, reason);
      assert.match(reason, /^the proxy 127\.0\.0\.1:\d+.*check rvi\.proxy$/);
      await transport.close();
    }
    await proxy.stop();
  }
});

test('a connection that ends behind the proxy is blamed on neither alone', async () => {
  const proxy = await createProxy((socket) => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.once('data', () => void socket.destroy());
  });
  for (const url of ['http://192.0.2.1:8901', 'ws://192.0.2.1:8908']) {
    const { transport, recorder } = create(url, `http://${proxy.host}`);
    transport.open(recorder);
    await until('told', () => recorder.events.length > 0);
    const reason = reasonOf(await transport.call(call));
    assert.match(reason, `the node, or the proxy ${proxy.host} on the way, ended the connection`);
    await transport.close();
  }
  await proxy.stop();
});

test('takes a password with a % as it stands, and one that is percent-encoded', async () => {
  const { url, server } = await serveHttp((_, response) => void response.end('{"id":1}'));
  const proxy = await createProxy(tunnel);
  for (const [spelt, meant] of [
    ['me:100%sure', 'me:100%sure'],
    ['me:%', 'me:%'],
    ['me:%zz%25', 'me:%zz%'],
    ['me:%E4', Buffer.from([...Buffer.from('me:'), 0xe4])],
    [':only', ':only'],
    ['only', 'only:'],
    ['m\u00e9:p\u00e4ss', 'm\u00e9:p\u00e4ss'],
  ] as const) {
    const { transport } = create(url, `http://${spelt}@${proxy.host}`);
    assert.is(codeOf(await transport.call(call)), 'ok {"id":1}', spelt);
    const said = proxy.asked.at(-1)?.headers['proxy-authorization'];
    assert.is(said, `Basic ${Buffer.from(meant).toString('base64')}`, spelt);
    await transport.close();
  }
  await proxy.stop();
  await closed(server);
});

test.run();
