// Tests the warning of the built executable after proxies and nodes end the connection in different
// ways: it must name the peer, the leg, and the peer's own error text.
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import { listening, portOf } from '../backend/edge-http.ts';
import { startAgent, writeConfig } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';
import type { WebSocket } from 'ws';
import type { Toml } from '../support/agent.ts';

const test = suite('blame');

/** Returns the first warning about the link; the agent must end by a signal only. */
async function warned(rvi: Toml): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'sota-blame-'));
  const config = writeConfig(directory, {
    rvi,
    installer: { default: 'command', command: { program: 'true' } },
  });
  const agent = startAgent(config);
  const [line] = await agent.logged(/.* warn node-disconnected .*/);
  assert.is(await agent.kill(), 0);
  assert.not.match(agent.log(), / error /);
  rmSync(directory, { recursive: true });
  return line;
}

test('a password with a % reaches the proxy as it stands; a refusal names the proxy', async () => {
  const asked: (string | undefined)[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, socket) => {
    asked.push(request.headers['proxy-authorization']);
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
  });
  await listening(proxy, 0);
  const at = `127.0.0.1:${portOf(proxy.address(), 0)}`;
  for (const [url, more] of [
    ['http://192.0.2.1:8901', { listen: '127.0.0.1:0', network_address: '127.0.0.1:1' }],
    ['ws://192.0.2.1:8908', {}],
  ] as const) {
    const line = await warned({ url, proxy: `http://me:100%sure@${at}`, ...more });
    assert.match(line, `the proxy ${at} answered HTTP status 407`);
    assert.match(line, 'check rvi.proxy');
    assert.not.match(line, 'sure');
    assert.is(asked.at(-1), `Basic ${Buffer.from('me:100%sure').toString('base64')}`);
  }
  await new Promise((done) => proxy.close(done));
});

const html = '<!doctype html><title>Welcome</title>';

for (const [what, status, headers, said] of [
  [
    'a page',
    200,
    { 'Content-Type': 'text/html' },
    /HTTP status 200 \(text\/html\): not an answer of/,
  ],
  ['a redirect', 301, { Location: 'https://x.example/' }, /redirects to https:\/\/x\.example\//],
  ['that it wants a password', 401, {}, /HTTP status 401 .*: it requires a user and a password/],
  ['a failure', 503, { 'Content-Type': 'text/html' }, /HTTP status 503 \(text\/html\)/],
] as const) {
  test(`a node that answers ${what} is named by URL, status, type and words`, async () => {
    const node = createServer((_, response) => {
      response.writeHead(status, headers).end(html);
    });
    await listening(node, 0);
    const at = `127.0.0.1:${portOf(node.address(), 0)}`;
    for (const rvi of [{ url: `http://${at}`, listen: '127.0.0.1:0' }, { url: `ws://${at}` }]) {
      const line = await warned(rvi);
      assert.match(line, rvi.url);
      assert.match(line, said);
      assert.match(line, 'check rvi.url');
      assert.match(line, 'it begins: <!doctype html>');
    }
    node.closeAllConnections();
    await new Promise((done) => node.close(done));
  });
}

const socketOf = (link: WebSocket): Socket => {
  const socket: unknown = Reflect.get(link, '_socket');
  if (!(socket instanceof Socket)) throw new Error('no socket');
  return socket;
};
const pings = Buffer.concat(Array.from({ length: 500 }, () => Buffer.from([0x89, 0])));

for (const [what, act, said] of [
  [
    'closes with words',
    (link: WebSocket) => link.close(1013, 'maintenance until noon'),
    /closed by the node \(1013, try again later\), reason: maintenance until noon/,
  ],
  [
    'ends the connection',
    (link: WebSocket) => void socketOf(link).end(),
    /the node ended the connection without a close frame/,
  ],
  [
    'floods it with pings',
    (link: WebSocket) => void socketOf(link).write(pings),
    /this device ended the connection: the node sent more than 60 pings at once/,
  ],
] as const) {
  test(`a node that ${what} over WebSocket: the warning says who ended it`, async () => {
    const node = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    node.on('connection', (link) => {
      link.on('error', () => undefined);
      link.once('message', () => act(link));
    });
    await new Promise((done) => node.on('listening', done));
    const line = await warned({ url: `ws://127.0.0.1:${portOf(node.address(), 0)}` });
    assert.match(line, said);
    for (const link of node.clients) link.terminate();
    await new Promise((done) => node.close(done));
  });
}

test.run();
