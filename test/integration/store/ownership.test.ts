// Tests the ownership check on directories of a real disk with foreign contents: the message for
// each, and that a rejected directory stays unchanged, byte by byte.
import { journalFold } from '../../../src/agent/journal-fold.ts';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  lstatSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createDisk } from '../../../src/host/disk.ts';
import { encodeJournal } from '../../../src/store/journal-codec.ts';
import { checkOwnership } from '../../../src/store/ownership.ts';
import { openStore } from '../../../src/store/store.ts';
import { oldJournal } from '../../support/old-journal.ts';
import { assert, suite } from '../../support/suite.ts';
import { must, opened } from '../../support/store.ts';

const test = suite('whose a directory is');
const disk = createDisk();
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-owned-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

type Content = { readonly [path: string]: string | Uint8Array };

function fill(content: Content): void {
  for (const [path, data] of Object.entries(content)) {
    const at = join(directory, path);
    mkdirSync(path.endsWith('/') ? at : dirname(at), { recursive: true });
    if (path.endsWith('/')) continue;
    if (typeof data === 'string' && data.startsWith('->')) symlinkSync(data.slice(2), at);
    else writeFileSync(at, data);
  }
}

/** Returns names, modes, times and bytes of all files. */
function looks(): readonly unknown[] {
  const names = readdirSync(directory, { recursive: true }).map(String).sort();
  return ['.', ...names].map((name) => {
    const at = join(directory, name);
    const stat = lstatSync(at);
    const data = stat.isFile() ? readFileSync(at, 'latin1') : '';
    return [name, stat.mode, stat.mtimeMs, stat.isSymbolicLink() ? readlinkSync(at) : data];
  });
}

const header = encodeJournal(journalFold, opened(), 1);
const flipped = (at: number) => {
  const data = Buffer.from(header);
  data[at] = (data[at] ?? 0) ^ 0xff;
  return data;
};
const noHeader = Buffer.concat([Buffer.alloc(512), header.subarray(512)]);
const old = oldJournal(opened());
const oldDamaged = Buffer.concat([Buffer.alloc(20), old.subarray(20)]);

const foreign: readonly (readonly [string, Content, RegExp])[] = [
  ['a home with packages', { 'packages/photos/1.jpg': 'x', 'notes.txt': 'y' }, /"notes.txt"/],
  ['packages of somebody else', { 'packages/photos/1.jpg': 'x' }, /"packages\/photos"/],
  ['years in packages', { 'packages/2024/summer.jpg': 'x' }, /"packages\/2024\/summer.jpg"/],
  ['a number with a leading zero', { 'packages/01/data': 'x' }, /"packages\/01"/],
  ['a file in packages', { 'packages/7': 'x' }, /"packages\/7"/],
  ['a journal of its own', { journal: 'Dear diary, today' }, /no record of sota-agent/],
  ['a long journal', { journal: Buffer.alloc(100_000, 0x41) }, /no record of sota-agent/],
  ['an empty journal beside a file', { journal: '', 'a.txt': '' }, /empty journal.*"a.txt"/],
  ['zeros beside a file', { journal: Buffer.alloc(512), 'a.txt': '' }, /"a.txt"/],
  ['a system', { 'bin/': '', 'etc/passwd': 'root' }, /contains "bin"/],
  ['a linked journal', { real: header, journal: '->real' }, /"journal" in it is not a regular/],
  ['linked packages', { 'photos/1': 'x', packages: '->photos' }, /"packages" in it is not a dir/],
  ['linked packages beside a journal', { journal: header, packages: '->none' }, /"packages" in it/],
  ['a directory as journal', { 'journal/1': 'x' }, /"journal" in it is not a regular file/],
  ['a directory as journal.new', { journal: header, 'journal.new/1': 'x' }, /"journal.new"/],
  ['a hidden file', { '.profile': 'x' }, /".profile"/],
];

for (const [what, content, said] of foreign) {
  test(`refuses ${what}, and leaves all as it was`, async () => {
    fill(content);
    const before = looks();
    const checked = await checkOwnership(disk, directory);
    assert.match(checked.ok ? '' : checked.reason, said);
    assert.match(checked.ok ? '' : checked.reason, /Set storage.dir to/);
    assert.not.ok((await openStore(disk, directory, 0, journalFold)).ok);
    assert.equal(looks(), before);
  });
}

const ours: readonly (readonly [string, Content])[] = [
  ['an empty directory', {}],
  ['a fresh file system', { 'lost+found/': '' }],
  ['a lock', { lock: '->1 2 3', 'lock.17': 'x' }],
  ['a journal of this version', { journal: header, 'my.txt': '' }],
  ['one with a damaged header', { journal: flipped(3), 'my.txt': '' }],
  ['one with a damaged record', { journal: flipped(600), 'my.txt': '' }],
  ['one without its first sector', { journal: noHeader, 'my.txt': '' }],
  ['a journal of 0.1.0', { journal: old, 'my.txt': '' }],
  ['a damaged one of 0.1.0', { journal: oldDamaged, 'my.txt': '' }],
  ['an empty journal', { journal: '', packages: '' }],
  ['data without a journal', { 'packages/7/data': 'x', 'packages/7/opkg-status-0': 'y' }],
  ['what was left of starts', { journal: Buffer.alloc(4_096), 'journal.new': 'x', lock: 'y' }],
];

for (const [what, { packages, ...content }] of ours) {
  test(`takes ${what}`, async () => {
    fill({ ...content, ...(packages === '' ? { 'packages/': '' } : {}) });
    assert.equal(await checkOwnership(disk, directory), { ok: true, value: undefined });
  });
}

test('takes a link to a directory, and one that is missing', async () => {
  mkdirSync(join(directory, 'real'));
  symlinkSync('real', join(directory, 'link'));
  assert.ok((await checkOwnership(disk, join(directory, 'link'))).ok);
  assert.ok((await checkOwnership(disk, join(directory, 'none/none'))).ok);
  must(await openStore(disk, join(directory, 'link'), 0, journalFold));
});

test('removes only numbers of its own, whatever else lies in packages', async () => {
  fill({
    journal: header,
    'packages/1/data': 'known',
    'packages/2/data': 'reserved, and cut',
    'packages/9/data': 'x',
    'packages/9/photo.jpg': 'y',
    'packages/007/data': 'x',
    'packages/notes': 'z',
    'packages/3': '->../../elsewhere',
  });
  const store = must(await openStore(disk, directory, 0, journalFold));
  const { foreign: names } = must(
    await store.data.scanFolders([{ number: 1, missingBytes: 0 }], 2),
  );
  assert.equal([...names].sort(), ['007', '3', '9', 'notes']);
  assert.equal(readdirSync(join(directory, 'packages')).sort(), ['007', '1', '3', '9', 'notes']);
  assert.equal(readdirSync(join(directory, 'packages/9')).sort(), ['data', 'photo.jpg']);
  // A foreign folder stays when its number is due: the next number is used.
  const refused = await store.data.reserve(9, 10);
  assert.match(refused.ok ? '' : refused.reason, /did not create/);
  must(await store.data.discard(9));
  assert.is(readFileSync(join(directory, 'packages/9/photo.jpg'), 'utf8'), 'y');
  must(await store.data.reserve(4, 10));
  must(await store.data.discard(4));
  await store.close();
});

test.run();
