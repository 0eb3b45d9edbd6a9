// Tests the .ipk reader with real archives of both shapes, read from files, and then with each kind
// of damage.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { createDisk } from '../../../../src/host/disk.ts';
import { createRunner } from '../../../../src/host/runner.ts';
import { createUnpack } from '../../../../src/install/opkg/unpack-control.ts';
import { readControl, walkFiles } from '../../../../src/install/opkg/ipk.ts';
import { compressed, controlTarOf, dataTarOf, ipkOf, ipkWith } from '../../../support/ipk.ts';
import { membersOf, packed, tarOf } from '../../../support/ipk.ts';
import { assert, suite } from '../../../support/suite.ts';
import { createRandom } from '../../../support/prng.ts';
import type { Runner } from '../../../../src/host/ports.ts';
import type { IpkSpec, Shape, TarFile } from '../../../support/ipk.ts';

const test = suite('ipk');
let directory = '';
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-ipk-'));
});
test.after(() => rmSync(directory, { recursive: true, force: true }));

const { gzipSync } = zlib;
const disk = createDisk();
const shapes: readonly Shape[] = ['ar', 'tar'];
const long = `usr/share/${'d'.repeat(60)}/${'f'.repeat(60)}`;
const spec: IpkSpec = {
  package: 'lib-x+y.z',
  version: '1:2.0~rc1+git0-r1',
  files: { 'usr/bin/a': 'A'.repeat(70_000), 'etc/b.conf': 'b', [long]: '', 'usr/bin/c': 'c' },
  links: { 'usr/bin/d': 'a' },
  conffiles: ['etc/b.conf'],
  postinst: 'exit 0',
};

const controlIn = (path: string) =>
  readControl(disk, path, createUnpack(disk, createRunner(), directory));

function file(data: Uint8Array): string {
  const path = join(directory, 'data');
  writeFileSync(path, data);
  return path;
}

async function walked(data: Uint8Array) {
  const seen: (readonly [path: string, kind: string, sizeBytes: number])[] = [];
  const walk = await walkFiles(disk, file(data), async ({ path, kind, sizeBytes, content }) => {
    if (kind !== 'directory') seen.push([path, kind, sizeBytes]);
    // Reads half of one file, and none of the others.
    if (path === 'usr/bin/a') for await (const _ of content) break;
  });
  return { walk, seen };
}

for (const shape of shapes) {
  test(`reads control and files of an ${shape}`, async () => {
    const data = ipkOf(spec, shape);
    const control = await controlIn(file(data));
    const { package: name, version, conffiles } = spec;
    assert.equal(control, {
      ok: true,
      value: { package: name, version, conffiles, hasPostinst: true, architecture: 'all' },
    });
    const { walk, seen } = await walked(data);
    assert.equal(walk, { ok: true, value: { kind: 'walked', count: 5 } });
    assert.equal(seen, [
      ['usr/bin/a', 'file', 70_000],
      ['etc/b.conf', 'file', 1],
      [long, 'file', 0],
      ['usr/bin/c', 'file', 1],
      ['usr/bin/d', 'symlink', 0],
    ]);
  });

  test(`reads an ${shape} whose control comes last`, async () => {
    const [binary, control, data] = membersOf(spec, gzipSync(dataTarOf(spec)));
    assert.ok(binary !== undefined && control !== undefined && data !== undefined);
    const path = file(packed([binary, data, control], shape));
    assert.ok((await controlIn(path)).ok);
    assert.ok((await walkFiles(disk, path, () => undefined)).ok);
  });

  test(`an ${shape} that is cut anywhere is not whole`, async () => {
    const whole = ipkOf({ ...spec, files: { a: 'a' } }, shape);
    const random = createRandom(2);
    for (let round = 0; round < 60; round += 1) {
      // After the data of the last member comes padding.
      const path = file(whole.subarray(0, random.below(whole.length - 1)));
      const control = await controlIn(path);
      const walk = await walkFiles(disk, path, () => undefined);
      assert.not(control.ok && walk.ok, `${round}`);
    }
  });

  test(`an ${shape} with any flipped bit is refused or read, never thrown about`, async () => {
    const whole = ipkOf({ ...spec, files: { a: 'a' } }, shape);
    const random = createRandom(3);
    for (let round = 0; round < 120; round += 1) {
      const data = Buffer.from(whole);
      const at = random.below(data.length);
      data.writeUInt8(data.readUInt8(at) ^ (1 << random.below(8)), at);
      const path = file(data);
      await controlIn(path);
      await walkFiles(disk, path, () => undefined);
    }
  });
}

test('takes members that are not compressed, and says which it cannot read', async () => {
  const plain: readonly TarFile[] = [
    { name: 'debian-binary', data: '2.0\n' },
    { name: 'control.tar', data: controlTarOf(spec) },
    { name: 'data.tar', data: dataTarOf(spec) },
  ];
  assert.ok((await controlIn(file(packed(plain, 'ar')))).ok);
  assert.ok((await walked(packed(plain, 'ar'))).walk.ok);
  const xz = packed(membersOf(spec, Buffer.from('xz'), 'data.tar.xz'), 'ar');
  const { walk } = await walked(xz);
  assert.equal(walk, { ok: true, value: { kind: 'opaque', member: 'data.tar.xz' } });
});

const withData = (files: readonly TarFile[]) =>
  packed(membersOf(spec, gzipSync(tarOf(files))), 'ar');
function renamed(): Buffer {
  const tar = tarOf([{ name: 'hello' }]);
  tar.write('jello', 0);
  return packed(membersOf(spec, gzipSync(tar)), 'ar');
}

const withControl = (control: Uint8Array) =>
  packed([{ name: 'control.tar.gz', data: control }], 'ar');
const named = (name: string, version: string) =>
  withControl(gzipSync(controlTarOf({ ...spec, package: name, version })));

const refusedFiles: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['nothing', Buffer.alloc(0), /neither ar nor gzip/],
  ['text', Buffer.from('hello, world'), /neither ar nor gzip/],
  ['a gzip of nothing', gzipSync(''), /no data\.tar\.gz/],
  ['an ar of nothing', Buffer.from('!<arch>\n'), /no data\.tar\.gz/],
  ['an ar with a bad header', Buffer.from(`!<arch>\n${'x'.repeat(60)}`), /bad ar header/],
  ['a path to above', withData([{ name: './../../etc/passwd' }]), /leaves the root/],
  ['a path with .. in it', withData([{ name: './usr/../../x' }]), /leaves the root/],
  ['a bad pax record', withData([{ name: 'x', type: 'x', data: '99 path=a\n' }]), /bad pax/],
  ['a huge name', withData([{ name: 'L', type: 'L', data: 'n'.repeat(70_000) }]), /attribute of/],
  ['no tar', packed(membersOf(spec, gzipSync('x'.repeat(600))), 'ar'), /bad number|checksum/],
  ['a header that was changed', renamed(), /wrong checksum/],
  ['no gzip', packed(membersOf(spec, Buffer.from('text')), 'ar'), /incorrect header/],
];

for (const [what, data, said] of refusedFiles) {
  test(`refuses the files of ${what}`, async () => {
    const { walk } = await walked(data);
    assert.ok(!walk.ok);
    assert.match(walk.ok ? '' : walk.reason, said);
  });
}

const refusedControls: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['an option for a name', named('--force-reinstall', '1'), /names no package/],
  ['a pattern for a name', named('*', '1'), /names no package/],
  ['a line break in the version', named('a', '1\\n2 3'), /names no version/],
  ['no fields', withControl(gzipSync(tarOf([{ name: 'control', data: '' }]))), /no package/],
  ['an unknown compression', packed([{ name: 'control.tar.rar' }], 'ar'), /unknown compression/],
  ['nothing in its xz', packed([{ name: 'control.tar.xz' }], 'ar'), /control\.tar\.xz|no package/],
  ['too much', withControl(gzipSync(controlTarOf({ ...spec, fields: { X: big() } }))), /bytes/],
];

function big(): string {
  return 'x'.repeat(1_100_000);
}

for (const [what, data, said] of refusedControls) {
  test(`refuses a control with ${what}`, async () => {
    const control = await controlIn(file(data));
    assert.ok(!control.ok);
    assert.match(control.ok ? '' : control.reason, said);
  });
}

test('takes names and sizes of pax, and a size in binary', async () => {
  const path = 'ü'.repeat(90);
  const record = ` path=./${path}\n`;
  const length = Buffer.byteLength(record) + 3;
  const pax: TarFile = { name: 'pax', type: 'x', data: `${length}${record}` };
  const data = tarOf([pax, { name: 'short', data: '12345' }, { name: 'next', data: '1' }]);
  const { seen } = await walked(packed(membersOf(spec, gzipSync(data)), 'ar'));
  assert.equal(seen, [
    [path, 'file', 5],
    ['next', 'file', 1],
  ]);
});

for (const how of ['xz', 'bz2', 'zst'] as const) {
  test(`reads a control.tar.${how}, and leaves no file behind`, async () => {
    const names = readdirSync(directory);
    const control = await controlIn(file(ipkWith(spec, 'gz', how)));
    assert.is(control.ok && control.value.version, spec.version, JSON.stringify(control));
    assert.equal(readdirSync(directory), [...new Set([...names, 'data'])].sort());
  });

  test(`a control.tar.${how} that is cut or damaged is refused`, async () => {
    for (const spoil of [(all: Buffer) => all.subarray(0, 60), flipped]) {
      const data = spoil(compressed(controlTarOf(spec), how));
      const control = await controlIn(file(packed([{ name: `control.tar.${how}`, data }], 'ar')));
      assert.ok(!control.ok);
    }
  });
}

function flipped(data: Buffer): Buffer {
  data.writeUInt8(data.readUInt8(data.length >> 1) ^ 1, data.length >> 1);
  return data;
}

test('names the program that a control.tar.xz needs', async () => {
  const none: Runner = async () => ({ kind: 'exited', exitCode: 127, stdout: '', stderr: '' });
  const unpack = createUnpack(disk, none, directory);
  const control = await readControl(disk, file(ipkWith(spec, 'gz', 'xz')), unpack);
  assert.match(control.ok ? '' : control.reason, 'needs the program xz, which is not installed');
});

const readsZstd = 'createZstdDecompress' in zlib;

test('leaves a data.tar.zst to opkg if Node has no zstd, and reads it else', async () => {
  const { walk } = await walked(ipkWith(spec, 'zst'));
  const opaque = { kind: 'opaque', member: 'data.tar.zst' };
  assert.equal(walk.ok && walk.value, readsZstd ? { kind: 'walked', count: 5 } : opaque);
});

test('a data.tar.zst that is cut is refused, if Node reads it', async () => {
  const data = compressed(dataTarOf(spec), 'zst');
  const cut = packed(membersOf(spec, data.subarray(0, data.length - 9), 'data.tar.zst'), 'ar');
  assert.is((await walked(cut)).walk.ok, !readsZstd);
});

test('leaves to opkg what zstd in Node cannot read: many frames, a large window', async () => {
  const tar = dataTarOf({ ...spec, files: { a: Buffer.alloc(70 * 2 ** 20) } });
  const halves = [tar.subarray(0, 40_000), tar.subarray(40_000)];
  const frames = Buffer.concat(halves.map((one) => compressed(one, 'zst')));
  const input = { input: tar, maxBuffer: 2 ** 28 };
  const long = spawnSync('zstd', ['-c', '--ultra', '--long=27'], input).stdout;
  for (const data of [frames, long]) {
    const { walk } = await walked(packed(membersOf(spec, data, 'data.tar.zst'), 'ar'));
    assert.equal(walk, { ok: true, value: { kind: 'opaque', member: 'data.tar.zst' } });
  }
});

test('reads the targets of links: long ones, and those of pax', async () => {
  const far = `../${'d'.repeat(120)}`;
  const record = ` linkpath=${far}\n`;
  const pax: TarFile = { name: 'pax', type: 'x', data: `${record.length + 3}${record}` };
  const data = tarOf([{ name: 'a', type: '2', target: far }, pax, { name: 'b', type: '2' }]);
  const targets: string[] = [];
  const path = file(packed(membersOf(spec, gzipSync(data)), 'ar'));
  await walkFiles(disk, path, ({ target }) => void targets.push(target));
  assert.equal(targets, [far, far]);
});

test('reads hundreds of MiB of nothing in little memory', async () => {
  // 256 MiB of zeros in one file: a bomb of 256 KiB.
  const head = tarOf([{ name: 'zeros', data: Buffer.alloc(0) }]).subarray(0, 512);
  head.write(`${(2 ** 28).toString(8).padStart(11, '0')}\0`, 124);
  head.write('        ', 148);
  const sum = head.reduce((all, byte) => all + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const bomb = gzipSync(Buffer.concat([head, Buffer.alloc(2 ** 28 + 1024)]));
  const beforeBytes = process.memoryUsage().rss;
  const { walk } = await walked(packed(membersOf(spec, bomb), 'ar'));
  assert.ok(walk.ok);
  assert.ok(process.memoryUsage().rss - beforeBytes < 2 ** 26);
});

test.run();
