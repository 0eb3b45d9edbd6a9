// Method: first bytes of real and of misleading files.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createDisk } from '../../../src/host/disk.ts';
import { choose } from '../../../src/install/select-installer.ts';
import { dataTarOf, ipkOf, ipkWith, membersOf, packed, tarOf } from '../../support/ipk.ts';
import { assert, suite } from '../../support/suite.ts';
import { defaults, target } from './rig.ts';
import type { Shape } from '../../support/ipk.ts';
import type { Settings } from '../../../src/core/settings.ts';

const test = suite('choose');
let directory = '';
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-choose-'));
});
test.after(() => rmSync(directory, { recursive: true, force: true }));

type Installer = Settings['installer'];
const { installer } = defaults();
const withCommand: Installer = { ...installer, command: { program: '/bin/true', args: [] } };
const withoutCommand: Installer = { ...installer, enabled: ['opkg', 'swupdate'] };

async function chosen(data: Uint8Array | string, settings: Installer = installer, name = 'p') {
  const path = join(directory, 'data');
  writeFileSync(path, data);
  return choose(createDisk(), settings, { name, version: '1' }, path);
}

const large = { ...target, files: { big: Buffer.alloc(200_000, 'x') } };
/** As opkg-build orders them: debian-binary, control, data. */
const members = membersOf(target, gzipSync(dataTarOf(target)));

function ordered(shape: Shape, ...order: readonly number[]): Buffer {
  return packed(
    order.flatMap((at) => members[at] ?? []),
    shape,
  );
}

/** A header of its own for the archive, and one before each file, as `tar --format=pax` writes. */
function paxed(): Buffer {
  const times = { name: 'PaxHeaders/x', type: 'x', data: '27 mtime=1732000000.123456\n' };
  const all = { name: 'pax_global_header', type: 'g', data: '17 comment=0.4.5\n' };
  return gzipSync(tarOf([all, ...members.flatMap((one) => [times, one])]));
}

function withFolder(): Buffer {
  return gzipSync(tarOf([{ name: './', type: '5' }, ...members.toReversed()]));
}

function foreign(): Buffer {
  return gzipSync(tarOf([members[1] ?? { name: '' }, { name: 'hello' }, ...members]));
}

const contents: readonly (readonly [string, Uint8Array | string, string])[] = [
  ['an .ipk in an ar', ipkOf(target, 'ar'), 'opkg'],
  ['an .ipk in a tar', ipkOf(target, 'tar'), 'opkg'],
  ['a large .ipk in a tar', ipkOf(large, 'tar'), 'opkg'],
  ['an .ipk in a tar of pax', paxed(), 'opkg'],
  ['an .ipk in an ar, debian-binary last', ordered('ar', 2, 1, 0), 'opkg'],
  ['an .ipk in a tar, debian-binary last', ordered('tar', 1, 2, 0), 'opkg'],
  ['an .ipk in a tar, the data first', ordered('tar', 2, 0, 1), 'opkg'],
  ['an .ipk in a tar of a folder', withFolder(), 'opkg'],
  ['a Debian package', ipkWith(target, 'xz', 'xz'), 'opkg'],
  ['a tar with data alone', ordered('tar', 2), 'command'],
  ['a tar with control and something else', foreign(), 'command'],
  ['a cpio newc', '070701000000', 'swupdate'],
  ['a cpio crc', '070702000000', 'swupdate'],
  ['an old cpio', '070707000000', 'command'],
  ['another ar', `!<arch>\n${'libfoo.o/'.padEnd(60)}`, 'command'],
  ['another tar.gz', gzipSync(tarOf([{ name: './hello' }])), 'command'],
  ['one that names it elsewhere', gzipSync(tarOf([{ name: 'x/debian-binary' }])), 'command'],
  ['a gzip of text', gzipSync('debian-binary'), 'command'],
  ['a gzip of nothing', gzipSync(''), 'command'],
  ['a broken gzip', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 255, 255]), 'command'],
  ['text', 'hello', 'command'],
  ['an empty file', '', 'command'],
];

for (const [what, data, name] of contents) {
  test(`${what} goes to ${name}`, async () => {
    assert.equal(await chosen(data, withCommand), { ok: true, name });
  });
}

test('what nobody can install is said, with what would help', async () => {
  const result = await chosen('hello', withoutCommand);
  assert.match(result.ok ? '' : result.reason, /neither an \.ipk nor a \.swu/);
  assert.match(result.ok ? '' : result.reason, /installer\.enabled does not list "command"/);
});

for (const [what, data, other] of [
  ['an .ipk', ipkOf(target, 'ar'), 'swupdate'],
  ['an .ipk in a tar', ipkOf(target, 'tar'), 'swupdate'],
  ['a .swu', '070701000000', 'opkg'],
] as const) {
  test(`${what} is refused where its installer is not enabled, whatever else is`, async () => {
    const result = await chosen(data, { ...installer, enabled: [other] });
    const name = other === 'opkg' ? 'swupdate' : 'opkg';
    assert.is(result.ok, false);
    assert.match(
      result.ok ? '' : result.reason,
      new RegExp(`^the payload is .*installer\\.enabled does not list "${name}"`),
    );
    const none = await chosen(data, { ...installer, enabled: [] });
    assert.match(none.ok ? '' : none.reason, /installer\.enabled is empty/);
    // For a device without opkg, an .ipk is a file like any other.
    const command: Installer = { ...withCommand, enabled: [other, 'command'] };
    assert.equal(await chosen(data, command), { ok: true, name: 'command' });
  });
}

test('a configured installer gets everything', async () => {
  const all: Installer = { ...installer, default: 'swupdate' };
  assert.equal(await chosen(ipkOf(target), all), { ok: true, name: 'swupdate' });
});

const rules = [
  { name: 'rootfs-*', installer: 'swupdate' },
  { name: 'a?c.[x]', installer: 'command' },
  { name: '*', installer: 'opkg' },
] as const;

for (const [name, use] of [
  ['rootfs-', 'swupdate'],
  ['rootfs-main', 'swupdate'],
  ['my-rootfs-main', 'opkg'],
  ['abc.[x]', 'command'],
  ['abcx[x]', 'opkg'],
  ['abc.x', 'opkg'],
  ['a\nb', 'opkg'],
] as const) {
  test(`the first rule that fits ${JSON.stringify(name)} wins over the content`, async () => {
    const settings: Installer = { ...installer, default: 'command', rules };
    assert.equal(await chosen('070701', settings, name), { ok: true, name: use });
  });
}

test('a payload that cannot be read is a reason', async () => {
  const gone = await choose(createDisk(), installer, { name: 'p', version: '1' }, '/none/data');
  assert.match(gone.ok ? '' : gone.reason, /cannot read the payload: ENOENT/);
});

test('a name cannot hold up the agent, whatever the rule', async () => {
  const used = async (pattern: string, name: string) => {
    const settings: Installer = {
      ...withCommand,
      default: 'command',
      rules: [{ name: pattern, installer: 'opkg' }],
    };
    const found = await chosen('x', settings, name);
    return found.ok && found.name === 'opkg';
  };
  const dashes = '-'.repeat(255);
  // With backtracking these take hours.
  for (const pattern of ['*-*-*-*-*-*-*-*-eu', `${'*-'.repeat(60)}x`, `${'*?'.repeat(60)}x`]) {
    assert.is(await used(pattern, dashes), false);
    assert.is(await used(pattern.replace(/(eu|x)$/, '*'), dashes), true);
  }
  // Against a RegExp, over all short patterns and names.
  const words = (letters: readonly string[]) => [
    '',
    ...letters,
    ...letters.flatMap((one) =>
      letters.flatMap((two) => [`${one}${two}`, ...letters.map((three) => `${one}${two}${three}`)]),
    ),
  ];
  for (const pattern of words(['*', '?', 'a', '.'])) {
    const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
    const expected = new RegExp(`^${source}$`, 'su');
    for (const name of ['', 'a', '.', 'aa', 'a.', '.a', 'a.a', '\u{1f600}', '\u{1f600}a', '\n']) {
      assert.is(await used(pattern, name), expected.test(name), `${pattern} ${name}`);
    }
  }
});

test.run();
