// Tests what a start makes of the last commit: data and facts are synced at once, so a power loss
// may leave either of them alone. The disk in memory loses what was not synced.
import { journalFold } from '../../../src/agent/journal-fold.ts';
import { hasChunk } from '../../../src/core/chunk-set.ts';
import { byNumber, transferOf } from '../../../src/core/decision-helpers.ts';
import { chunkBytes } from '../../../src/limits.ts';
import { encodeFrame, encodeHeader, headerBytes } from '../../../src/store/frame.ts';
import { openStore } from '../../../src/store/store.ts';
import { createMemoryDisk } from '../../support/memory-disk.ts';
import { oldRecord } from '../../support/old-journal.ts';
import { assert, suite } from '../../support/suite.ts';
import { chunkOf, held, must, opened, thrownBy, writeOf } from '../../support/store.ts';
import type { Fact, State } from '../../../src/agent/backend.ts';
import type { MemoryDisk } from '../../support/memory-disk.ts';
import type { Store } from '../../../src/store/store.ts';

const test = suite('the last commit');
const journal = '/s/journal';
const dataOf = (number: number) => `/s/packages/${number}/data`;
const isData = (path: string) => path.endsWith('/data');

type Kept = Store<State, Fact>;
const start = (disk: MemoryDisk) => openStore(disk, '/s', 0, journalFold);
const restart = async (disk: MemoryDisk): Promise<Kept> => must(await start(disk));

/** Returns a store with an open transfer for each number. */
async function receiving(disk = createMemoryDisk(), numbers: readonly number[] = [1]) {
  const store = await restart(disk);
  for (const number of numbers) {
    must(await store.reserve(number, 4 * chunkBytes, 256));
    const id = { name: `package-${number}`, version: '1' };
    must(await store.commit(opened(number, 4, id)));
  }
  return { disk, store };
}

async function commit(store: Kept, chunks: readonly number[], numbers: readonly number[] = [1]) {
  const facts: Fact[] = [];
  for (const number of numbers) {
    for (const chunkIndex of chunks) {
      must(await store.data.write(writeOf(chunkIndex, chunkOf(chunkIndex), number)));
      facts.push(held(chunkIndex, chunkOf(chunkIndex), number));
    }
  }
  must(await store.commit(facts));
}

/** Commits, and loses the power: the files for which `isLost` is true were not written back. */
async function lostIn(
  isLost: (path: string) => boolean,
  chunks: readonly number[] = [2],
): Promise<MemoryDisk> {
  const { disk, store } = await receiving();
  await commit(store, [1]);
  disk.lie(isLost);
  await commit(store, chunks);
  return disk.cut('lost');
}

function stored({ core }: State, number = 1): readonly number[] {
  const one = byNumber(core, number);
  const transfer = one === undefined ? undefined : transferOf(one);
  assert.ok(transfer !== undefined);
  return [1, 2, 3, 4].filter((index) => hasChunk(transfer.chunks, index));
}

const lossOf = (chunkIndex: number, number = 1) =>
  `journal: removed the record of chunk ${chunkIndex} of packages/${number}, ` +
  'whose data is not on flash';

/** Makes each rewrite fail, so that the old journal stays. */
function keepJournal(disk: MemoryDisk): void {
  disk.refuse(({ verb, path }) =>
    verb === 'open' && path === `${journal}.new` ? 'ENOSPC' : undefined,
  );
}

const opsOn = (disk: MemoryDisk, isWanted: (path: string) => boolean) =>
  disk.ops.filter(({ path }) => isWanted(path)).map(({ verb }) => verb);

test('loses the chunk whose facts survived without the data, and says so once', async () => {
  const disk = await lostIn(isData);
  const first = await restart(disk);
  assert.equal([stored(first.state), first.losses], [[1], [lossOf(2)]]);
  const second = await restart(disk.cut('lost'));
  assert.equal([stored(second.state), second.losses], [[1], []]);
});

test('ignores the data that survived without its facts', async () => {
  const { state, losses } = await restart(await lostIn((path) => path === journal));
  assert.equal([stored(state), losses], [[1], []]);
});

test('keeps the chunk of which both survived', async () => {
  const { state, losses } = await restart(await lostIn(() => false));
  assert.equal([stored(state), losses], [[1, 2], []]);
});

test('writes a chunk again, and syncs it, before the journal depends on it', async () => {
  const { disk, store } = await receiving();
  // After a failed sync a read returns what no later sync writes.
  disk.refuse(({ verb, path }) => (verb === 'sync' && isData(path) ? 'EIO' : undefined));
  assert.match(await thrownBy(() => commit(store, [1])), /^fsync of .*data failed: EIO/);
  disk.refuse(undefined);
  const before = disk.ops.length;
  assert.equal(stored((await restart(disk)).state), [1]);
  const ops = disk.ops.slice(before).map(({ verb, path }) => `${verb} ${path}`);
  const order = [
    `read ${dataOf(1)}`,
    `write ${dataOf(1)}`,
    `sync ${dataOf(1)}`,
    `open ${journal}.new`,
  ];
  assert.equal(
    ops.filter((op) => order.includes(op)),
    order,
  );
  const flash = disk.cut('lost').content(dataOf(1)) ?? Buffer.alloc(0);
  assert.ok(Buffer.compare(flash.subarray(0, chunkBytes), chunkOf(1)) === 0);
});

test('makes what a killed process wrote durable before it is used', async () => {
  const { disk, store } = await receiving();
  disk.lie(() => true);
  await commit(store, [1, 2]);
  disk.lie(() => false);
  assert.equal(stored((await restart(disk)).state), [1, 2]);
  const after = await restart(disk.cut('lost'));
  assert.equal([stored(after.state), after.losses], [[1, 2], []]);
  assert.ok(Buffer.compare(must(await after.data.read(1, 2, chunkBytes)), chunkOf(2)) === 0);
});

test('checks each transfer of a commit on its own', async () => {
  const { disk, store } = await receiving(createMemoryDisk(), [1, 2]);
  disk.lie((path) => path === dataOf(2));
  await commit(store, [1, 2], [1, 2]);
  const { state, losses } = await restart(disk.cut('lost'));
  assert.equal([stored(state, 1), stored(state, 2)], [[1, 2], []]);
  assert.equal(losses, [lossOf(1, 2), lossOf(2, 2)]);
});

test('needs no data for a chunk that the same commit discarded', async () => {
  const { disk, store } = await receiving();
  must(await store.data.write(writeOf(1)));
  const facts: readonly Fact[] = [held(1), { kind: 'chunk-removed', number: 1, chunkIndex: 1 }];
  disk.lie(isData);
  must(await store.commit(facts));
  const { state, losses } = await restart(disk.cut('lost'));
  assert.equal([stored(state), losses], [[], []]);
});

for (const [what, isLost] of [
  ['missing', (path: string) => path.startsWith('/s/packages')],
  ['shorter than the chunk', isData],
] as const) {
  test(`loses the chunk if the file is ${what}`, async () => {
    const disk = createMemoryDisk();
    const store = await restart(disk);
    disk.lie(isLost);
    must(await store.reserve(1, 4 * chunkBytes, 256));
    must(await store.commit(opened()));
    await commit(store, [1]);
    const { state, losses } = await restart(disk.cut('lost'));
    assert.equal([stored(state), losses], [[], [lossOf(1)]]);
  });
}

test('states the loss also in a journal that cannot be written again', async () => {
  const disk = await lostIn(isData, [2, 3]);
  keepJournal(disk);
  const first = await restart(disk);
  assert.equal(first.losses, [lossOf(2), lossOf(3)]);
  // Another commit follows, so the chunks are not in the last one any more.
  must(await first.commit([{ kind: 'records-lost' }]));
  const left = disk.cut('lost');
  keepJournal(left);
  const second = await restart(left);
  assert.equal([stored(second.state), second.losses], [[1], []]);
});

test('checks the commit again if only a part of the removals is on flash', async () => {
  const before = await lostIn(isData, [2, 3, 4]);
  const was = before.content(journal) ?? Buffer.alloc(0);
  const data = Buffer.from(before.content(dataOf(1)) ?? '');
  keepJournal(before);
  assert.is((await restart(before)).losses.length, 3);
  const full = Buffer.from(before.content(journal) ?? '');
  assert.ok(full.length > was.length);
  for (let end = was.length; end <= full.length; end += 5) {
    const disk = createMemoryDisk();
    disk.put(journal, full.subarray(0, end));
    disk.put(dataOf(1), data);
    keepJournal(disk);
    assert.equal(stored((await restart(disk)).state), [1], `${end} of ${full.length} bytes`);
    const again = disk.cut('lost');
    must(await (await restart(disk)).commit([{ kind: 'records-lost' }]));
    assert.equal(stored((await restart(again)).state), [1]);
  }
});

test('does not start if it cannot state the loss', async () => {
  const disk = await lostIn(isData);
  disk.refuse(({ verb, path }) =>
    path.startsWith(journal) && ['write', 'truncate'].includes(verb) && path !== journal
      ? 'ENOSPC'
      : path === journal && verb === 'write'
        ? 'ENOSPC'
        : undefined,
  );
  const refused = await start(disk);
  assert.is(refused.ok ? '' : refused.code, 'ENOSPC');
  disk.refuse(undefined);
  assert.equal(stored((await restart(disk)).state), [1]);
});

test('does not touch the data of a journal that was compacted, or that 0.1.0 wrote', async () => {
  const compacted = await lostIn(() => false);
  await restart(compacted);
  const old = createMemoryDisk();
  old.put(journal, Buffer.concat([...opened(), held(1)].map(oldRecord)));
  for (const [disk, expected] of [
    [compacted.cut('lost'), [1, 2]],
    [old, [1]],
  ] as const) {
    const { state, losses } = await restart(disk);
    assert.equal([stored(state), losses], [expected, []]);
    assert.equal(opsOn(disk, isData), []);
  }
});

test('checks the last commit behind a record that it does not know, and keeps that', async () => {
  const disk = createMemoryDisk();
  const unknown = encodeFrame(Buffer.from('{"kind":"of-another-version"}'), 1, 0, false);
  const header = encodeHeader({ firstSequence: 1, snapshotBytes: headerBytes });
  disk.put(journal, Buffer.concat([header, unknown]));
  const { store } = await receiving(disk);
  await commit(store, [1]);
  disk.lie(isData);
  await commit(store, [2]);
  const left = disk.cut('lost');
  const first = await restart(left);
  assert.equal([stored(first.state), first.losses.at(-1)], [[1], lossOf(2)]);
  must(await first.commit([{ kind: 'records-lost' }]));
  assert.equal(stored((await restart(left.cut('lost'))).state), [1]);
  assert.ok(left.content(journal)?.includes(unknown));
});

test('checks the last commit if the header is damaged', async () => {
  const disk = await lostIn(isData);
  const content = Buffer.from(disk.content(journal) ?? '');
  for (const at of [0, headerBytes / 2]) content[at + 20] = (content[at + 20] ?? 0) ^ 1;
  disk.put(journal, content);
  const { state, losses, damage } = await restart(disk);
  assert.ok(damage !== undefined);
  assert.equal([stored(state), losses], [[1], [lossOf(2)]]);
});

test('does not sync data whose facts were refused, and retries both', async () => {
  const { disk, store } = await receiving();
  must(await store.data.write(writeOf(1)));
  disk.refuse(({ verb, path }) => (verb === 'write' && path === journal ? 'ENOSPC' : undefined));
  const before = disk.count('sync', dataOf(1));
  const refused = await store.commit([held(1)]);
  assert.is(refused.ok ? '' : refused.code, 'ENOSPC');
  assert.is(disk.count('sync', dataOf(1)), before);
  disk.refuse(undefined);
  assert.equal(stored((await restart(disk.cut('kept'))).state), []);
  must(await store.commit([held(1)]));
  const { state, losses } = await restart(disk.cut('lost'));
  assert.equal([stored(state), losses], [[1], []]);
});

test('loses the chunk that cannot be read', async () => {
  const disk = await lostIn(() => false);
  disk.refuse(({ verb, path }) => (verb === 'read' && isData(path) ? 'EIO' : undefined));
  const { state, losses } = await restart(disk);
  assert.equal([stored(state), losses], [[1], [lossOf(2)]]);
});

for (const [verb, code, told] of [
  ['open', 'EMFILE', 'EMFILE'],
  ['open', 'EACCES', 'EACCES'],
  ['open', 'ELOOP', 'ENOTEMPTY'],
  ['write', 'ENOSPC', 'ENOSPC'],
  ['write', 'EROFS', 'EROFS'],
] as const) {
  test(`does not start, and loses nothing, if the ${verb} of the data fails: ${code}`, async () => {
    const disk = await lostIn(() => false);
    disk.refuse((op) => (op.verb === verb && isData(op.path) ? code : undefined));
    const refused = await start(disk);
    assert.is(refused.ok ? '' : refused.code, told);
    disk.refuse(undefined);
    const { state, losses } = await restart(disk);
    assert.equal([stored(state), losses], [[1, 2], []]);
  });
}

test.run();
