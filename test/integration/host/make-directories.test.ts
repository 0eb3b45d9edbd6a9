// Tests the creation of real folders; in /proc even root cannot create one.
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createDisk } from '../../../src/host/disk.ts';
import { makeFolders } from '../../../src/host/make-directories.ts';
import { takeLock } from '../../../src/host/lock.ts';
import { createLocalSockets } from '../../../src/host/sockets.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('folders');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-folders-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const failed = (path: string) =>
  makeFolders(path).then(
    () => 'made',
    (error: Error) => error.message,
  );

const refusal = "ENOENT: no such file or directory, mkdir '/proc/none'";

test('makes what is missing of the way, and nothing where all is there', async () => {
  const path = join(directory, 'a/b/c');
  for (let count = 0; count < 2; count++) await makeFolders(path);
  await Promise.all([makeFolders(`${path}/d/e`), makeFolders(`${path}/d/f/`)]);
  assert.ok(statSync(path).isDirectory());
  assert.equal(readdirSync(join(path, 'd')).sort(), ['e', 'f']);
  assert.is(await failed('/'), 'made');
});

for (const umask of [0, 0o022, 0o077, 0o777]) {
  test(`makes folders and files with their modes, whatever the umask (${umask})`, async () => {
    const before = process.umask(umask);
    try {
      const disk = createDisk();
      const modeOf = (path: string) => (statSync(join(directory, path)).mode & 0o7777).toString(8);
      await disk.makeDirectory(join(directory, 'var/state'));
      await disk.makeDirectory(join(directory, 'var/state/packages/1'));
      const opened = await disk.open(join(directory, 'var/state/journal'), 'create');
      if (opened.ok) await opened.value.close();
      assert.equal(['var', 'var/state', 'var/state/packages/1', 'var/state/journal'].map(modeOf), [
        '755',
        '700',
        '700',
        '600',
      ]);
      const path = join(directory, 'run/agent/control.sock');
      const accept = () => ({ onData: none, onClosed: none });
      const served = await createLocalSockets().listen(path, accept);
      const made = ['run', 'run/agent', 'run/agent/control.sock'];
      assert.equal(made.map(modeOf), ['755', '755', '660']);
      if (served.ok) await served.value.close();
    } finally {
      process.umask(before);
    }
  });
}

const none = () => undefined;

test('fails where a file is in the way', async () => {
  writeFileSync(join(directory, 'file'), '');
  assert.match(await failed(join(directory, 'file')), /^EEXIST/);
  assert.match(await failed(join(directory, 'file/x/y')), /^ENOTDIR/);
});

test('fails where no folder can be made, and names the first that cannot', async () => {
  assert.is(await failed('/proc/none/x/y'), refusal);
});

test('lets the lock, the disk and the control socket fail there, and not hang', async () => {
  const said: string[] = [];
  const handlers = { onData: () => undefined, onClosed: () => undefined };
  for (const result of [
    await takeLock('/proc/none/state', '1.2.3'),
    await createDisk().makeDirectory('/proc/none/packages'),
    await createLocalSockets().listen('/proc/none/run/control.sock', () => handlers),
  ]) {
    said.push(result.ok ? 'ok' : `${result.code} ${result.reason}`);
  }
  const locked = `ENOENT cannot lock /proc/none/state: ${refusal}`;
  assert.equal(said, [locked, `ENOENT ${refusal}`, `ENOENT ${refusal}`]);
});

test.run();
