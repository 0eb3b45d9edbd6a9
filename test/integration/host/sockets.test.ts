// Tests the socket adapter with real sockets below a temporary directory.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { createLocalSockets } from '../../../src/host/sockets.ts';
import { assert, suite } from '../../support/suite.ts';
import { must } from '../../support/store.ts';
import { until } from '../../support/idle.ts';
import type { LocalStream, LocalStreamHandlers } from '../../../src/host/ports.ts';

const test = suite('local sockets');
const sockets = createLocalSockets();
const isRoot = process.getuid?.() === 0;
let directory = '';
let path = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-sockets-'));
  path = join(directory, 'run/control.sock');
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

function ear() {
  const heard: { text: string; readonly closed: string[] } = { text: '', closed: [] };
  const handlers: LocalStreamHandlers = {
    onData: (data) => (heard.text += Buffer.from(data).toString()),
    onClosed: (reason) => void heard.closed.push(reason),
  };
  return { heard, handlers };
}

const codeOf = (result: { readonly ok: boolean; readonly code?: string }) => result.code ?? 'ok';

/** A server that echoes its input. */
async function startEcho() {
  const streams: LocalStream[] = [];
  const { heard, handlers } = ear();
  const listening = must(
    await sockets.listen(path, (stream) => {
      streams.push(stream);
      return {
        ...handlers,
        onData(data) {
          handlers.onData(data);
          void stream.write(data);
        },
      };
    }),
  );
  return { streams, heard, close: () => listening.close() };
}

test('makes the folder, and lets owner and group in', async () => {
  const server = await startEcho();
  assert.is(statSync(path).mode & 0o777, 0o660);
  await server.close();
});

test('lets a group in beside the owner, whatever the mask of the process', async () => {
  const mask = process.umask(0);
  const listening = must(await sockets.listen(path, () => ear().handlers, '12'));
  const { gid, uid, mode } = statSync(path);
  assert.equal([process.umask(mask), mode & 0o777], [0, 0o660]);
  assert.equal([uid, gid], [process.getuid?.(), isRoot ? 12 : gid]);
  await listening.close();
});

test('does not listen for a group that is not there', async () => {
  const refused = await sockets.listen(path, () => ear().handlers, 'no-such-group');
  assert.equal(refused, {
    ok: false,
    code: 'ENOENT',
    reason: '/etc/group has no group no-such-group',
  });
});

test('carries bytes both ways, and tells each end once that it is over', async () => {
  const server = await startEcho();
  const near = ear();
  const stream = must(await sockets.connect(path, near.handlers));
  must(await stream.write(Buffer.from('hello')));
  await until('the echo', () => near.heard.text === 'hello');
  // After a half-close the other end reads to the end, sends the rest, and closes.
  stream.end();
  await until('both ends closed', () => near.heard.closed.length + server.heard.closed.length > 1);
  assert.equal(near.heard.closed, ['closed by the peer']);
  assert.is(codeOf(await stream.write(Buffer.from('x'))), 'EPIPE');
  stream.close();
  await server.close();
});

test('fails to connect where nobody listens, and says how', async () => {
  assert.is(codeOf(await sockets.connect(path, ear().handlers)), 'ENOENT');
  await leaveSocket();
  assert.is(codeOf(await sockets.connect(path, ear().handlers)), 'ECONNREFUSED');
  writeFileSync(`${directory}/file`, '');
  assert.is(codeOf(await sockets.connect(`${directory}/file`, ear().handlers)), 'ECONNREFUSED');
});

/** Creates the socket file that a killed process leaves. */
async function leaveSocket(): Promise<void> {
  const server = await startEcho();
  await server.close();
  const left = createServer();
  const aside = `${path}.aside`;
  await new Promise<void>((done) => left.listen(aside, done));
  renameSync(aside, path);
  await new Promise((done) => left.close(done));
}

test('takes the place of a socket that nobody answers on', async () => {
  await leaveSocket();
  assert.ok(statSync(path).isSocket());
  const server = await startEcho();
  must(await sockets.connect(path, ear().handlers)).close();
  await server.close();
});

test('does not take the place of one that is answered', async () => {
  const server = await startEcho();
  const refused = await sockets.listen(path, () => ear().handlers);
  assert.is(codeOf(refused), 'EADDRINUSE');
  must(await sockets.connect(path, ear().handlers)).close();
  await server.close();
});

test('removes no file that is not a socket', async () => {
  const file = `${directory}/precious`;
  writeFileSync(file, 'text');
  const refused = await sockets.listen(file, () => ear().handlers);
  assert.equal(refused, {
    ok: false,
    code: 'EEXIST',
    reason: `${file} exists and is not a socket`,
  });
  assert.is(readFileSync(file, 'utf8'), 'text');
});

test('says what is wrong with a path that cannot be used', async () => {
  const long = `${directory}/${'x'.repeat(120)}`;
  assert.not.ok((await sockets.listen(long, () => ear().handlers)).ok);
  writeFileSync(`${directory}/file`, '');
  const below = `${directory}/file/x.sock`;
  assert.not.ok((await sockets.listen(below, () => ear().handlers)).ok);
});

const openFiles = () => readdirSync('/proc/self/fd').length;

for (const nameBytes of [3, 60]) {
  test(`connects to a socket whose path is too long (name of ${nameBytes})`, async () => {
    const folder = join(directory, 'f'.repeat(200), 'g'.repeat(100));
    mkdirSync(folder, { recursive: true });
    const long = join(folder, 'n'.repeat(nameBytes));
    const before = openFiles();
    // A server cannot bind such a path directly: it binds nearby, and the file is moved.
    const server = await startEcho();
    renameSync(path, long);
    const { heard, handlers } = ear();
    const stream = must(await sockets.connect(long, handlers));
    must(await stream.write(Buffer.from('hello')));
    await until('the echo', () => heard.text === 'hello');
    stream.close();
    await server.close();
    await until('the files to be closed', () => openFiles() <= before);
  });
}

test('says ENOENT and ECONNREFUSED of a long path, as of a short one', async () => {
  const folder = join(directory, 'f'.repeat(200));
  assert.is(codeOf(await sockets.connect(join(folder, 's'), ear().handlers)), 'ENOENT');
  mkdirSync(folder);
  assert.is(codeOf(await sockets.connect(join(folder, 's'), ear().handlers)), 'ENOENT');
  writeFileSync(join(folder, 's'), '');
  assert.is(codeOf(await sockets.connect(join(folder, 's'), ear().handlers)), 'ECONNREFUSED');
});

test('gives a folder with a long path a short one, and takes that away again', async () => {
  const usual = must(await sockets.shorten(directory, 13));
  assert.is(usual.path, directory);
  await usual.remove();
  assert.ok(statSync(directory).isDirectory());
  const folder = join(directory, 'f'.repeat(120));
  mkdirSync(folder);
  const short = must(await sockets.shorten(folder, 13));
  assert.ok(Buffer.byteLength(short.path) + 1 + 13 <= 107, short.path);
  writeFileSync(join(short.path, 'file'), 'seen');
  assert.is(readFileSync(join(folder, 'file'), 'utf8'), 'seen');
  assert.is(statSync(dirname(short.path)).mode & 0o777, 0o700);
  await short.remove();
  assert.not.ok(existsSync(dirname(short.path)));
  assert.is(readFileSync(join(folder, 'file'), 'utf8'), 'seen');
});

test.run();
