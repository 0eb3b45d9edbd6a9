// Tests the disk adapter on the real file system below a temporary directory. The test simulates
// short writes, because no file system makes them on demand, and a full disk by a `fallocate` that
// fails.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { promises as fs } from 'node:fs';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createDisk } from '../../../src/host/disk.ts';
import { assert, suite } from '../../support/suite.ts';
import { must } from '../../support/store.ts';

const test = suite('the real disk');
const disk = createDisk();
const usualPath = process.env['PATH'] ?? '';
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-disk-'));
});
test.afterEach(() => {
  process.env['PATH'] = usualPath;
  rmSync(directory, { recursive: true, force: true });
});

const codeOf = (result: { readonly ok: boolean; readonly code?: string }) => result.code ?? 'ok';

test('writes, reads and cuts at any place', async () => {
  const file = must(await disk.open(`${directory}/a`, 'create'));
  must(await file.write(Buffer.from('world'), 6));
  must(await file.write(Buffer.from('hello '), 0));
  assert.is(Buffer.from(must(await file.read(0, 100))).toString(), 'hello world');
  assert.is(Buffer.from(must(await file.read(6, 3))).toString(), 'wor');
  assert.is(must(await file.read(11, 5)).length, 0);
  must(await file.truncate(5));
  assert.is(must(await file.size()), 5);
  must(await file.sync());
  await file.close();
  assert.is(readFileSync(`${directory}/a`, 'utf8'), 'hello');
  assert.is(statSync(`${directory}/a`).mode & 0o777, 0o600);
});

/** Limits every write to a file to `bytesMax` bytes at a time. */
async function withShortWrites(bytesMax: number, act: () => Promise<void>): Promise<void> {
  const handle = await fs.open('/dev/null', 'w');
  const methods: object = Object.getPrototypeOf(handle);
  await handle.close();
  const whole: unknown = Reflect.get(methods, 'write');
  if (typeof whole !== 'function') throw new Error('FileHandle has no write');
  Reflect.set(methods, 'write', function (this: object, ...args: readonly unknown[]) {
    const [data, offset, bytes, position] = args;
    return Reflect.apply(whole, this, [data, offset, Math.min(Number(bytes), bytesMax), position]);
  });
  try {
    await act();
  } finally {
    Reflect.set(methods, 'write', whole);
  }
}

test('writes on where the kernel took less than it was given', async () => {
  const data = Buffer.from(Array.from({ length: 1_000 }, (_, at) => at % 251));
  const file = must(await disk.open(`${directory}/a`, 'create'));
  await withShortWrites(7, async () => must(await file.write(data, 3)));
  assert.ok(readFileSync(`${directory}/a`).subarray(3).equals(data));
  await file.close();
});

test('does not try for ever where the kernel takes nothing', async () => {
  const file = must(await disk.open(`${directory}/a`, 'create'));
  await withShortWrites(0, async () => {
    assert.not.ok((await file.write(Buffer.from('x'), 0)).ok);
  });
  await file.close();
});

test('says by its name what the disk said', async () => {
  // This file accepts numbers only.
  const picky = must(await disk.open('/proc/self/oom_score_adj', 'write'));
  assert.is(codeOf(await picky.write(Buffer.from('x'), 0)), 'EINVAL');
  await picky.close();
  assert.is(codeOf(await disk.open(`${directory}/none`, 'read')), 'ENOENT');
  assert.is(codeOf(await disk.open(`${directory}/none`, 'write')), 'ENOENT');
  assert.is(codeOf(await disk.open(directory, 'create')), 'EISDIR');
  assert.is(codeOf(await disk.list(`${directory}/none`)), 'ENOENT');
  assert.is(codeOf(await disk.syncDirectory(`${directory}/none`)), 'ENOENT');
  assert.is(codeOf(await disk.freeBytes(`${directory}/none`)), 'ENOENT');
  assert.is(codeOf(await disk.rename(`${directory}/none`, `${directory}/b`)), 'ENOENT');
  writeFileSync(`${directory}/file`, '');
  assert.is(codeOf(await disk.makeDirectory(`${directory}/file/x`)), 'ENOTDIR');
});

test('does not wait for a pipe, and refuses it as it does sockets and devices', async () => {
  execFileSync('mkfifo', [`${directory}/pipe`]);
  const server = createServer().listen(`${directory}/socket`);
  await once(server, 'listening');
  symlinkSync('pipe', `${directory}/to-pipe`);
  for (const mode of ['read', 'write', 'create'] as const) {
    for (const path of ['pipe', 'to-pipe', 'socket'].map((name) => `${directory}/${name}`)) {
      for (const links of [undefined, 'refused'] as const) {
        const opened = await disk.open(path, mode, links);
        const isLink = links === 'refused' && path.endsWith('to-pipe');
        assert.is(codeOf(opened), isLink ? 'ELOOP' : 'ENOTSUP', `${mode} ${path} ${links}`);
      }
    }
    const zero = await disk.open('/dev/zero', mode);
    assert.is(codeOf(zero), 'ENOTSUP');
    assert.match(zero.ok ? '' : zero.reason, /^\/dev\/zero is not a regular file/);
    await must(await disk.open('/dev/null', mode)).close();
    assert.is(codeOf(await disk.open('/dev/null', mode, 'refused')), 'ENOTSUP');
  }
  server.close();
});

test('follows no link, symbolic or hard, where links are refused', async () => {
  writeFileSync(`${directory}/outside`, 'precious');
  symlinkSync('outside', `${directory}/symbolic`);
  symlinkSync('nowhere', `${directory}/broken`);
  for (const mode of ['read', 'write', 'create'] as const) {
    assert.is(codeOf(await disk.open(`${directory}/symbolic`, mode, 'refused')), 'ELOOP');
    assert.is(codeOf(await disk.open(`${directory}/broken`, mode, 'refused')), 'ELOOP');
    await must(await disk.open(`${directory}/symbolic`, mode)).close();
    await must(await disk.open(`${directory}/outside`, mode, 'refused')).close();
  }
  linkSync(`${directory}/outside`, `${directory}/hard`);
  for (const mode of ['read', 'write', 'create'] as const) {
    assert.is(codeOf(await disk.open(`${directory}/hard`, mode, 'refused')), 'EMLINK');
    const other = { secondName: `${directory}/none` };
    assert.is(codeOf(await disk.open(`${directory}/hard`, mode, other)), 'EMLINK');
    const own = { secondName: `${directory}/outside` };
    await must(await disk.open(`${directory}/hard`, mode, own)).close();
    await must(await disk.open(`${directory}/hard`, mode)).close();
  }
  assert.not.ok(existsSync(`${directory}/nowhere`));
  assert.is(readFileSync(`${directory}/outside`, 'utf8'), 'precious');
});

test('fails on a closed file, and closes it twice without a word', async () => {
  const file = must(await disk.open(`${directory}/a`, 'create'));
  await file.close();
  await file.close();
  assert.is(codeOf(await file.write(Buffer.from('x'), 0)), 'EBADF');
  assert.is(codeOf(await file.read(0, 1)), 'EBADF');
  assert.is(codeOf(await file.sync()), 'EBADF');
});

test('lists, makes, renames and removes, trees as well, and what is not there', async () => {
  must(await disk.makeDirectory(`${directory}/a/b`));
  must(await disk.makeDirectory(`${directory}/a/b`));
  writeFileSync(`${directory}/a/b/data`, 'x');
  writeFileSync(`${directory}/file`, 'x');
  const entries = must(await disk.list(directory));
  assert.equal(
    new Map(entries.map(({ name, kind }) => [name, kind])),
    new Map([
      ['a', 'directory'],
      ['file', 'file'],
    ]),
  );
  must(await disk.rename(`${directory}/file`, `${directory}/a/b/data`));
  must(await disk.syncDirectory(`${directory}/a`));
  must(await disk.remove(`${directory}/a`));
  must(await disk.remove(`${directory}/a`));
  assert.equal(must(await disk.list(directory)), []);
  assert.ok(must(await disk.freeBytes(directory)) > 0);
});

test('takes blocks for all of a file, and gives it its size', async () => {
  const path = `${directory}/data`;
  must(await disk.open(path, 'create'));
  assert.equal(must(await disk.reserve(path, 1_000_000, false)), { reserved: true });
  const { size, blocks } = statSync(path);
  assert.is(size, 1_000_000);
  assert.ok(blocks * 512 >= 1_000_000, `${blocks} blocks`);
});

test('takes blocks beyond the end, and leaves the size as it is', async () => {
  const path = `${directory}/journal`;
  const file = must(await disk.open(path, 'create'));
  must(await file.write(Buffer.from('facts'), 0));
  assert.equal(must(await disk.reserve(path, 1_000_000, true)), { reserved: true });
  const { size, blocks } = statSync(path);
  assert.is(size, 5);
  assert.ok(blocks * 512 >= 1_000_000, `${blocks} blocks`);
  await file.close();
});

test('needs no blocks for an empty file', async () => {
  assert.equal(await disk.reserve(`${directory}/none`, 0, false), {
    ok: true,
    value: { reserved: true },
  });
});

test('finds the program where no PATH is set', async () => {
  const path = `${directory}/data`;
  must(await disk.open(path, 'create'));
  delete process.env['PATH'];
  assert.equal(must(await disk.reserve(path, 4_096, false)), { reserved: true });
});

test('goes on without blocks where there is no program to take them', async () => {
  process.env['PATH'] = directory;
  const path = `${directory}/data`;
  must(await disk.open(path, 'create'));
  assert.equal(must(await disk.reserve(path, 4_096, false)), { reserved: false });
  assert.is(statSync(path).size, 0);
});

function program(script: string): void {
  const bin = `${directory}/bin`;
  mkdirSync(bin);
  writeFileSync(`${bin}/fallocate`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env['PATH'] = bin;
}

test('understands a full disk, whatever language the machine speaks', async () => {
  process.env['LC_ALL'] = 'de_DE.UTF-8';
  try {
    const full = 'No space left on device';
    program(`[ "$LC_ALL" = C ] && echo "fallocate: fallocate failed: ${full}" >&2; exit 1`);
    assert.equal(await disk.reserve(`${directory}/data`, 4_096, false), {
      ok: false,
      code: 'ENOSPC',
      reason: `fallocate: fallocate failed: ${full}`,
    });
  } finally {
    delete process.env['LC_ALL'];
  }
});

test('takes an exhausted quota for a full disk', async () => {
  program('echo "fallocate: fallocate failed: Disk quota exceeded" >&2; exit 1');
  assert.is(codeOf(await disk.reserve(`${directory}/data`, 4_096, false)), 'ENOSPC');
});

test('goes on without blocks on a file system that has no such call', async () => {
  program('echo "fallocate: fallocate failed: Operation not supported" >&2; exit 1');
  assert.equal(must(await disk.reserve(`${directory}/data`, 4_096, true)), { reserved: false });
});

test.run();
