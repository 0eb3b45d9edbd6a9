// Tests the selection of an installer: the recognisers with the first bytes of real and of
// misleading files, and rules by name.
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { installerKinds } from '../../../src/install/installers.ts';
import { selectByFormat, selectByRule } from '../../../src/install/select-installer.ts';
import { payloadHeadBytes } from '../../../src/limits.ts';
import { dataTarOf, ipkOf, ipkWith, membersOf, packed, tarOf } from '../../support/ipk.ts';
import { assert, suite } from '../../support/suite.ts';
import { target } from '../../support/installers.ts';
import type { Head } from '../../../src/install/installer.ts';
import type { Shape } from '../../support/ipk.ts';

const test = suite('selection of an installer');
const all = ['opkg', 'swupdate', 'command'];

const headOf = (data: Uint8Array | string, bytesMax = payloadHeadBytes): Head => {
  const bytes = Buffer.from(data);
  return { bytes: bytes.subarray(0, bytesMax), isWhole: bytes.length < bytesMax };
};

async function selected(data: Uint8Array | string, enabled: readonly string[] = all) {
  const head = headOf(data);
  const found = await Promise.all(installerKinds.map((kind) => kind.recognises(head)));
  const recognised = installerKinds.filter((_, at) => found[at]);
  return selectByFormat(installerKinds, enabled, recognised);
}

const large = { ...target, files: { big: Buffer.alloc(200_000, 'x') } };
/** In the order of opkg-build: debian-binary, control, data. */
const members = membersOf(target, gzipSync(dataTarOf(target)));

function ordered(shape: Shape, ...order: readonly number[]): Buffer {
  return packed(
    order.flatMap((at) => members[at] ?? []),
    shape,
  );
}

/** With a global header, and one before each file, as `tar --format=pax` writes. */
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
    assert.equal(await selected(data), { ok: true, name });
  });
}

test('the format of a payload that no installer takes is refused, and what would help', () => {
  assert.equal(selectByFormat(installerKinds, ['opkg', 'swupdate'], []), {
    ok: false,
    reason:
      'the payload is neither an .ipk nor a .swu, and installer.enabled does not list "command" ' +
      'for other formats',
  });
});

for (const [what, data, other] of [
  ['an .ipk', ipkOf(target, 'ar'), 'swupdate'],
  ['an .ipk', ipkOf(target, 'tar'), 'swupdate'],
  ['a .swu', '070701000000', 'opkg'],
] as const) {
  test(`${what} is refused where its installer is not enabled, whatever else is`, async () => {
    const name = other === 'opkg' ? 'swupdate' : 'opkg';
    assert.equal(await selected(data, [other]), {
      ok: false,
      reason: `the payload is ${what}, and installer.enabled does not list "${name}"`,
    });
    const none = await selected(data, []);
    assert.match(none.ok ? '' : none.reason, /installer\.enabled is empty/);
    // For a device without opkg, an .ipk is a file like any other.
    assert.equal(await selected(data, [other, 'command']), { ok: true, name: 'command' });
  });
}

test('an .ipk whose second member is after the head is recognised by its first', async () => {
  // Random bytes: gzip cannot shorten them.
  const files = { big: randomBytes(2 * payloadHeadBytes) };
  const long = membersOf({ ...target, files }, gzipSync(dataTarOf({ ...target, files })));
  for (const shape of ['ar', 'tar'] as const) {
    const data = packed(long.toReversed(), shape);
    assert.not.ok(headOf(data).isWhole);
    assert.equal(await selected(data), { ok: true, name: 'opkg' }, shape);
    // A truncated file is not recognised.
    assert.equal(await selected(data.subarray(0, payloadHeadBytes - 1)), {
      ok: true,
      name: 'command',
    });
  }
});

test('a configured installer gets every format', () => {
  assert.is(selectByRule({ rules: [], default: 'swupdate' }, 'p'), 'swupdate');
  assert.is(selectByRule({ rules: [], default: 'auto' }, 'p'), undefined);
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
  test(`the first rule that matches ${JSON.stringify(name)} is used`, () => {
    assert.is(selectByRule({ default: 'command', rules }, name), use);
  });
}

test('a name cannot hold up the agent, whatever the rule', () => {
  const used = (pattern: string, name: string) =>
    selectByRule({ default: 'command', rules: [{ name: pattern, installer: 'opkg' }] }, name) ===
    'opkg';
  const dashes = '-'.repeat(255);
  // A matcher with backtracking would take hours.
  for (const pattern of ['*-*-*-*-*-*-*-*-eu', `${'*-'.repeat(60)}x`, `${'*?'.repeat(60)}x`]) {
    assert.is(used(pattern, dashes), false);
    assert.is(used(pattern.replace(/(eu|x)$/, '*'), dashes), true);
  }
  // Compares with a RegExp, over all short patterns and names.
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
      assert.is(used(pattern, name), expected.test(name), `${pattern} ${name}`);
    }
  }
});

test.run();
