// Tests the backup and restore of status files as opkg writes them, whole and truncated at every
// byte.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDisk } from '../../../../src/host/disk.ts';
import { decodeBefore } from '../../../../src/install/opkg/pre-install-state.ts';
import { pathsOf } from '../../../../src/install/opkg/paths.ts';
import { fieldsOf, keepCopies, stanzasOf } from '../../../../src/install/opkg/status-file.ts';
import { restore as restoreAt } from '../../../../src/install/opkg/status-file.ts';
import { assert, suite } from '../../../support/suite.ts';
import type { Copy } from '../../../../src/install/opkg/status-file.ts';

const test = suite('opkg status');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-status-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const disk = createDisk();
const restore = (on: typeof disk, copies: readonly Copy[]) =>
  restoreAt(on, copies, directory, true);
const text =
  'Package: a\nVersion: 1.0-r0\nDepends: b (>= 1), c\nStatus: install user installed\n' +
  'Architecture: armv7\nConffiles:\n /etc/a.conf 0123\nInstalled-Time: 1400000000\n\n' +
  'Package: b\nVersion: 2\nStatus: install ok installed\n\n';

test('reads packages, versions and states', () => {
  assert.equal(stanzasOf(text), [
    { package: 'a', version: '1.0-r0', state: 'installed' },
    { package: 'b', version: '2', state: 'installed' },
  ]);
  assert.equal(stanzasOf(''), []);
  assert.equal(stanzasOf('Package: a\nVersion: 1\n\njunk\n\nStatus: x y z\n'), []);
});

async function kept() {
  const path = join(directory, 'status');
  writeFileSync(path, text);
  const copies = await keepCopies(disk, [path, join(directory, 'absent')], directory);
  if (!copies.ok) throw new Error(copies.reason);
  return { path, copies: copies.value };
}

/** Writes the file list of a package like opkg, and creates the files. */
function lists(name: string, ...paths: readonly string[]): void {
  mkdirSync(join(directory, 'info'), { recursive: true });
  writeFileSync(join(directory, `info/${name}.list`), paths.map((one) => `/${one}\n`).join(''));
  for (const one of paths) writeFileSync(join(directory, one), '');
}

test('brings a file back that was cut at any byte', async () => {
  const { path, copies } = await kept();
  // If the file ends between two stanzas, only the files of a package show that it is missing by
  // error.
  lists('b', 'b.txt');
  assert.is(copies.length, 1);
  for (let length = 0; length < text.length; length += 1) {
    writeFileSync(path, text.slice(0, length));
    const restored = await restore(disk, copies);
    assert.equal(restored, { ok: true, value: { restored: [path], lost: [] } }, `${length}`);
    assert.is(readFileSync(path, 'utf8'), text);
  }
  writeFileSync(path, Buffer.alloc(text.length));
  assert.equal(await restore(disk, copies), { ok: true, value: { restored: [path], lost: [] } });
});

test('leaves a file alone that knows as much, or more', async () => {
  const { path, copies } = await kept();
  const newer = text.replace('1.0-r0', '1.1-r0') + text.replace('Package: a', 'Package: z');
  for (const now of [text, newer]) {
    writeFileSync(path, now);
    assert.equal(await restore(disk, copies), { ok: true, value: { restored: [], lost: [] } });
    assert.is(readFileSync(path, 'utf8'), now);
  }
});

const [first = '', second = ''] = text.split(/(?<=\n\n)/);

for (const [what, now] of [
  ['one package', first],
  ['another package', second],
  ['a package that a new one replaces', first + second.replace('Package: b', 'Package: new-b')],
] as const) {
  test(`leaves a file alone that lacks what was removed: ${what}`, async () => {
    const { path, copies } = await kept();
    // The list was removed with the package; or the list is still there, and a file is missing.
    lists('a', 'a.txt');
    rmSync(join(directory, 'a.txt'));
    writeFileSync(path, now);
    assert.equal(await restore(disk, copies), { ok: true, value: { restored: [], lost: [] } });
    assert.is(readFileSync(path, 'utf8'), now);
  });
}

test('brings a file back that was lost while opkg renamed a new one', async () => {
  const { path, copies } = await kept();
  writeFileSync(`${path}.new`, text.slice(0, 40));
  rmSync(path);
  assert.equal(await restore(disk, copies), { ok: true, value: { restored: [path], lost: [] } });
  // Renamed before its data were on flash.
  writeFileSync(path, Buffer.alloc(text.length));
  assert.equal(await restore(disk, copies), { ok: true, value: { restored: [path], lost: [] } });
});

test('lacks are no matter while opkg was not interrupted', async () => {
  const { path, copies } = await kept();
  lists('b', 'b.txt');
  writeFileSync(path, first);
  const value = { restored: [], lost: [] };
  assert.equal(await restoreAt(disk, copies, directory, false), { ok: true, value });
  // A missing line end is no damage either.
  writeFileSync(path, text.slice(0, -1));
  assert.equal(await restoreAt(disk, copies, directory, false), { ok: true, value });
  writeFileSync(path, text.slice(0, -5));
  const restored = { restored: [path], lost: [] };
  assert.equal(await restoreAt(disk, copies, directory, false), { ok: true, value: restored });
});

for (const [what, now] of [
  ['a sector of zero bytes', `${first.slice(0, 20)}${'\0'.repeat(512)}${text}`],
  ['no final empty line', text.slice(0, -1)],
  ['a stanza without its beginning', `Status: install ok installed\n\n${text}`],
] as const) {
  test(`brings a file back that has ${what}`, async () => {
    const { path, copies } = await kept();
    writeFileSync(path, now);
    assert.equal(await restore(disk, copies), { ok: true, value: { restored: [path], lost: [] } });
    assert.is(readFileSync(path, 'utf8'), text);
  });

  test(`does not take a copy that has ${what}, nor one with other bytes`, async () => {
    const { path, copies } = await kept();
    const [{ copy } = { copy: '' }] = copies;
    for (const spoilt of [now, text.replace('1.0-r0', '1.0-r1')]) {
      writeFileSync(copy, spoilt);
      const lost = { ok: true, value: { restored: [], lost: [path] } };
      for (const broken of ['', text.slice(0, 30)]) {
        writeFileSync(path, broken);
        assert.equal(await restore(disk, copies), lost);
        assert.is(readFileSync(path, 'utf8'), broken);
      }
      writeFileSync(path, second);
      assert.equal(await restore(disk, copies), { ok: true, value: { restored: [], lost: [] } });
    }
  });
}

test('a file made by hand may lack the empty line at its end', async () => {
  const path = join(directory, 'status');
  writeFileSync(path, text.slice(0, -1));
  const copies = await keepCopies(disk, [path], directory);
  if (!copies.ok) throw new Error(copies.reason);
  writeFileSync(path, text);
  for (const isCut of [true, false]) {
    const value = { restored: [], lost: [] };
    assert.equal(await restoreAt(disk, copies.value, directory, isCut), { ok: true, value });
  }
  writeFileSync(path, text.slice(0, -4));
  assert.ok((await restore(disk, copies.value)).ok);
  assert.is(readFileSync(path, 'utf8'), text.slice(0, -1));
});

test('a copy of an earlier version of the agent, without a checksum, is taken', async () => {
  const { path, copies } = await kept();
  const { copies: old } = decodeBefore(JSON.stringify({ copies }).replace(/,"sha256":"\w+"/, ''));
  writeFileSync(path, '');
  assert.equal(await restore(disk, old), { ok: true, value: { restored: [path], lost: [] } });
});

test('keeps the mode of the file that it mends', async () => {
  const { path, copies } = await kept();
  writeFileSync(path, '');
  chmodSync(path, 0o644);
  await restore(disk, copies);
  assert.is(statSync(path).mode & 0o777, 0o644);
});

test('tells when it cannot', async () => {
  const { path, copies } = await kept();
  rmSync(path);
  const [copy] = copies;
  assert.ok(copy !== undefined);
  const restored = await restore(disk, [{ ...copy, path: join(directory, 'none/status') }]);
  assert.is(!restored.ok && restored.code, 'ENOENT');
  const unkept = await keepCopies(disk, [copy.copy], join(directory, 'none'));
  assert.is(!unkept.ok && unkept.code, 'ENOENT');
});

const two = (root: string) => [`${root}/var/lib/opkg/status`, `${root}/usr/lib/opkg/status`];

for (const [args, root, isOffline] of [
  [[], '', false],
  [['-o', '/mnt/'], '/mnt', true],
  [['-o/mnt'], '/mnt', true],
  [['--offline-root', '/mnt'], '/mnt', true],
  [['--offline-root=/mnt', '--force-downgrade'], '/mnt', true],
  [['-o'], '', false],
  [['-f', '/none'], '', false],
] as const) {
  test(`looks for the status file with the arguments ${JSON.stringify(args)}`, async () => {
    const places = await pathsOf(disk, { args, statusFile: '' });
    assert.equal(places, { root, isOffline, statusFiles: two(root) });
  });
}

test('follows dest of the configuration that the arguments name', async () => {
  const conf = join(directory, 'opkg.conf');
  writeFileSync(conf, '# dest no /no\nsrc/gz a http://a\ndest root /data\n  dest ram /tmp/r\n');
  const rootOf = async (...args: string[]) =>
    (await pathsOf(disk, { args, statusFile: '/s' })).root;
  assert.is(await rootOf('-f', conf), '/data');
  assert.is(await rootOf('--conf', conf, '-d', 'ram'), '/tmp/r');
  assert.is(await rootOf(`--conf=${conf}`, '--dest=ram', '-o', '/mnt'), '/mnt/tmp/r');
  const { statusFiles } = await pathsOf(disk, { args: ['-f', conf], statusFile: '/s' });
  assert.equal(statusFiles, ['/s']);
});

test('a control file cannot hold up the agent: a megabyte of spaces in a field', () => {
  const spaces = ' '.repeat(1_000_000);
  const description = `Description: x${spaces}x${spaces}\r`;
  const text = `Package:${spaces}a\n${description}\nVersion:\t1 \n more: y\n:z\n`;
  const fields = fieldsOf(text);
  assert.equal([...fields.keys()], ['package', 'description', 'version']);
  assert.is(fields.get('package'), 'a');
  assert.is(fields.get('description')?.length, spaces.length + 2);
  assert.is(fields.get('version'), '1');
});

test.run();
