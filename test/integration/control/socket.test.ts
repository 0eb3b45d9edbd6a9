// Tests the control server and client over a real Unix socket, where data arrives in pieces and the
// order of closing matters.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sendRequest, openRequest } from '../../../src/control/client.ts';
import { startControl } from '../../../src/control/server.ts';
import { createLocalSockets } from '../../../src/host/sockets.ts';
import { createClock } from '../../../src/host/time.ts';
import { assert, suite } from '../../support/suite.ts';
import { receiving, statusOf } from '../../support/control.ts';
import { until } from '../../support/idle.ts';
import type { Status } from '../../../src/core/status.ts';

const test = suite('control socket');
const directory = mkdtempSync(join(tmpdir(), 'sota-agent-control-'));
const world = { clock: createClock(), sockets: createLocalSockets() };
let count = 0;

async function setUp(first: Status) {
  count += 1;
  const path = join(directory, `${count}.sock`);
  const listeners = new Set<() => void>();
  let status = first;
  const started = await startControl({ ...world, log: () => undefined }, path, {
    status: () => status,
    accept: async (name) => ({ ok: true, text: name }),
    decline: async () => ({ ok: false, code: 'unknown-package', reason: 'no' }),
    inventory: async () => {
      await pause(300);
      return { ok: true, packages: [{ name: 'vim', version: '9.1' }] };
    },
    renewPath: async () => ({ ok: true, text: 'renewed' }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  if (!started.ok) throw new Error(started.reason);
  const become = (next: Status) => {
    status = next;
    for (const listener of listeners) listener();
  };
  return { path, become, close: () => started.value.close(), watchers: () => listeners.size };
}

/** Sends, then collects until the server closes; `isAll`: ends its own side after the data. */
function raw(path: string, data: string, isAll = false): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = createConnection({ path, allowHalfOpen: true }, () => {
      socket.write(data);
      if (isAll) socket.end();
    });
    socket.on('end', () => socket.end());
    socket.on('data', (came) => (text += came.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
}

test.after(() => rmSync(directory, { recursive: true }));

test('carries a large status whole', async () => {
  const packages = Array.from({ length: 64 }, (_, index) =>
    receiving(index, 40, `${'ü'.repeat(250)}${index}`),
  );
  const status = statusOf({ packages, recovered: ['x'.repeat(100_000)] });
  const { path, close } = await setUp(status);
  const asked = await sendRequest(world, path, { command: 'status' });
  assert.ok(asked.kind === 'answered' && asked.response.ok && 'status' in asked.response);
  assert.equal(asked.response.status.packages.length, 64);
  assert.equal(asked.response.status.packages[7]?.id, packages[7]?.id);
  await close();
});

test('is not open to everybody', async () => {
  const { path, close } = await setUp(statusOf());
  assert.is(statSync(path).mode & 0o007, 0);
  await close();
});

test('answers eight at a time and tells the ninth', async () => {
  const { path, close } = await setUp(statusOf());
  const talks = Array.from({ length: 8 }, () => {
    let seen = 0;
    const talk = openRequest(world, path, { command: 'watch' }, () => (seen += 1));
    return { talk, seen: () => seen };
  });
  await until('a status for each', () => talks.every(({ seen }) => seen() > 0));
  const asked = await sendRequest(world, path, { command: 'status' });
  assert.ok(asked.kind === 'answered' && !asked.response.ok);
  assert.is(asked.response.code, 'busy');
  for (const { talk } of talks) talk.stop();
  await close();
});

test('tells only so many at a time that there is no room', async () => {
  const { path, close } = await setUp(statusOf());
  const crowd = Array.from({ length: 200 }, () => {
    const seen = { text: '', isClosed: false };
    // These sockets do not close by themselves.
    const socket = createConnection({ path, allowHalfOpen: true });
    socket.on('data', (more) => (seen.text += more.toString()));
    socket.on('error', () => undefined).on('end', () => (seen.isClosed = true));
    return seen;
  });
  const told = () => crowd.filter(({ text }) => text.includes('"code":"busy"')).length;
  const dropped = () => crowd.filter(({ text, isClosed }) => text === '' && isClosed).length;
  await until('an answer or an end for each', () => told() + dropped() >= 192);
  assert.ok(told() >= 32, `${told()} are told`);
  assert.ok(dropped() >= 1, 'none is dropped');
  await close();
});

test('survives garbage, floods and peers that hang up at once', async () => {
  const { path, close } = await setUp(statusOf());
  const said = await raw(path, `${'\u0000\ufffd'.repeat(1_000)}\n${'y'.repeat(100_000)}`);
  assert.match(said, /"code":"(too-long|bad-json)"/);
  await Promise.all(
    Array.from({ length: 20 }, () => {
      return new Promise<void>((resolve) => {
        const socket = createConnection(path, () => socket.destroy());
        socket.on('close', () => resolve());
        socket.on('error', () => resolve());
      });
    }),
  );
  let asked = await sendRequest(world, path, { command: 'accept', name: 'a', version: undefined });
  while (asked.kind === 'answered' && !asked.response.ok && asked.response.code === 'busy') {
    await pause(5);
    asked = await sendRequest(world, path, { command: 'accept', name: 'a', version: undefined });
  }
  assert.equal(asked, { kind: 'answered', response: { ok: true, text: 'a' } });
  await close();
});

test('answers all that was asked before the client closed its side, then closes too', async () => {
  const { path, close, watchers } = await setUp(statusOf());
  const packages = '{"command":"inventory"}\n';
  const answer = '{"ok":true,"packages":[{"name":"vim","version":"9.1"}]}\n';
  assert.is(await raw(path, packages, true), answer);
  assert.is(await raw(path, packages + packages, true), answer + answer);
  assert.is(await raw(path, '', true), '');
  assert.is(await raw(path, '{"command":"pack', true), '');
  assert.match(await raw(path, '{"command":"watch"}\n', true), /^\{"ok":true,"status":.*\n$/);
  await until('no watcher', () => watchers() === 0);
  await close();
});

test('streams changes, and ends the watch when the daemon ends', async () => {
  const { path, become, close, watchers } = await setUp(statusOf());
  const seen: number[] = [];
  const talk = openRequest(world, path, { command: 'watch' }, (came) => {
    if (came.ok && 'status' in came) seen.push(came.status.packages[0]?.chunksHeld ?? 0);
  });
  await until('a status', () => seen.length >= 1);
  become(statusOf({ packages: [receiving(9)] }));
  await until('a status', () => seen.length >= 2);
  assert.equal(seen, [0, 9]);
  await close();
  assert.equal(await talk.ended, { kind: 'lost', reason: 'closed by the peer' });
  await until('no watcher', () => watchers() === 0);
});

test('names a missing socket', async () => {
  const missing = await sendRequest(world, join(directory, 'none'), { command: 'status' });
  assert.ok(missing.kind === 'unreachable' && missing.code === 'ENOENT');
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void world.clock.after(ms, resolve));
}

test.run();
