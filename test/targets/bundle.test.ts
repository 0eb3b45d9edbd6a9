// Tests the script of the agent, `build/sota-agent.cjs`: its size, and its WebSocket client. The
// client is `ws` as published, minified, with parts of Node loaded late
// (targets/lazy-builtins.mjs). The unit tests run the sources of `ws`, so here a node of raw frames
// runs against the built agent.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listening, portOf } from '../backend/edge-http.ts';
import { startAgent, writeConfig } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';
import { root } from './built.ts';
import type { Socket } from 'node:net';

const test = suite('the bundle');
/** Set when the bundle had 352 KiB. A change that needs more raises it and gives its reason. */
const bundleBytesMax = 360 * 1024;
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

test(`has at most ${bundleBytesMax} bytes`, () => {
  const { size } = statSync(join(root, 'build/sota-agent.cjs'));
  assert.ok(size <= bundleBytesMax, `${size} bytes`);
});

const text = 0x81;
const ping = 0x89;
const frame = (first: number, payload = '') =>
  Buffer.concat([Buffer.from([first, payload.length]), Buffer.from(payload)]);

/** Runs the agent against a node that adds these headers and sends these frames. */
async function run(act: {
  readonly headers?: readonly string[];
  readonly frames?: readonly Buffer[];
  readonly logged: RegExp;
  readonly answered?: (opcodes: readonly number[]) => boolean;
}): Promise<void> {
  const sockets: Socket[] = [];
  const server = createServer();
  const opcodes: number[] = [];
  const done = new Promise<void>((resolve) => {
    server.on('upgrade', (request, socket: Socket) => {
      sockets.push(socket);
      const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash('sha1').update(key).digest('base64');
      const fixed = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket'];
      const head = [...fixed, 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
      socket.write([...head, ...(act.headers ?? []), '', ''].join('\r\n'));
      for (const one of act.frames ?? []) socket.write(one);
      socket.on('error', () => undefined);
      socket.on('data', (data: Buffer) => {
        opcodes.push((data[0] ?? 0) & 0x0f);
        if (act.answered?.(opcodes) === true) resolve();
      });
    });
  });
  await listening(server, 0);
  const url = `ws://127.0.0.1:${portOf(server.address(), 0)}`;
  const agent = startAgent(writeConfig(directory, { rvi: { url } }));
  await agent.logged(act.logged);
  if (act.answered !== undefined) await done;
  assert.is(await agent.kill(), 0);
  for (const socket of sockets) socket.destroy();
  await new Promise((closed) => server.close(closed));
}

const lost = (reason: string) => new RegExp(`node-(disconnected|reconnecting) .*${reason}`);

test('rejects a node that switches on compression, which was not requested', async () => {
  const headers = ['Sec-WebSocket-Extensions: permessage-deflate'];
  await run({ headers, logged: lost('no extension was requested') });
});

for (const [what, bytes, reason] of [
  ['a compressed frame', frame(0xc1, '{}'), 'RSV1 must be clear'],
  ['binary data', frame(0x82, '{}'), 'a frame that is not text'],
  ['text that is not UTF-8', Buffer.from([text, 2, 0xc3, 0x28]), 'invalid UTF-8 sequence'],
  ['a length above the limit', Buffer.from([text, 127, 0, 0, 0, 9, 0, 0, 0, 0]), 'Max payload'],
] as const) {
  test(`closes a connection that delivers ${what}, and logs why`, async () => {
    await run({ frames: [bytes], logged: lost(reason) });
  });
}

test('answers a ping between the fragments of a request, then the request', async () => {
  const call = '{"id":7,"method":"nobody","params":{}}';
  const frames = [frame(0x01, call.slice(0, 9)), frame(ping, 'x'), frame(0x80, call.slice(9))];
  const answered = (opcodes: readonly number[]) => opcodes.includes(10);
  await run({ frames, logged: /request-invalid code=-32601/, answered });
});

test.run();
