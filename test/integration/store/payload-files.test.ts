// Tests the payload files of transfers on a disk in memory, and once on the real one.
import { journalFold } from '../../../src/agent/journal-fold.ts';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasChunk } from '../../../src/core/chunk-set.ts';
import { transferOf } from '../../../src/core/decision-helpers.ts';
import { createDisk } from '../../../src/host/disk.ts';
import { chunkBytes } from '../../../src/limits.ts';
import { createPayloadFiles } from '../../../src/store/payload-files.ts';
import { openStore } from '../../../src/store/store.ts';
import { createMemoryDisk } from '../../support/memory-disk.ts';
import { assert, suite } from '../../support/suite.ts';
import { chunkOf, held, must, opened, thrownBy, writeOf } from '../../support/store.ts';
import type { DiskResult } from '../../../src/host/ports.ts';
import type { MemoryDisk } from '../../support/memory-disk.ts';

const test = suite('the data of packages');
const path = (number: number) => `/s/packages/${number}/data`;

const known = (...numbers: readonly number[]) =>
  numbers.map((number) => ({ number, missingBytes: 0 }));

async function open(reserveBytes = 0, disk = createMemoryDisk()) {
  must(await disk.makeDirectory('/s'));
  must(await disk.syncDirectory('/'));
  const data = createPayloadFiles(disk, '/s', reserveBytes);
  must(await data.scanFolders([]));
  return { disk, data };
}

test('takes all the space before the first chunk, and syncs every name on the way', async () => {
  const { disk, data } = await open();
  must(await data.reserve(1, 4 * chunkBytes));
  assert.equal(
    disk.ops.filter(({ verb }) => verb === 'reserve').map(({ path: at, bytes }) => [at, bytes]),
    [[path(1), 4 * chunkBytes]],
  );
  const synced = disk.ops.filter(({ verb }) => verb === 'sync-directory').map((op) => op.path);
  assert.equal(synced.slice(-3), ['/s/packages/1', '/s/packages', '/s']);
});

for (const verb of ['free', 'make-directory', 'open', 'reserve', 'sync-directory'] as const) {
  test(`leaves nothing behind where ${verb} is refused before the first chunk`, async () => {
    const { disk, data } = await open();
    disk.refuse((op) => (op.verb === verb ? 'ENOSPC' : undefined));
    const refused = await data.reserve(1, chunkBytes);
    assert.is(refused.ok ? '' : refused.code, 'ENOSPC');
    disk.refuse(undefined);
    assert.equal(must(await disk.list('/s/packages')), []);
    assert.is(disk.openCount(), 0);
    must(await data.reserve(2, chunkBytes));
  });
}

test('keeps the configured space free, and says how much is missing', async () => {
  const { disk, data } = await open(16 * 1_048_576);
  disk.setFree(17 * 1_048_576);
  must(await data.reserve(1, 1_048_576));
  assert.equal(await data.reserve(2, 1_048_577), {
    ok: false,
    code: 'ENOSPC',
    reason: 'need 18 MiB, have 17 MiB',
  });
});

/** A disk without fallocate, where a reservation takes no space. */
function withoutReserve(disk: MemoryDisk): MemoryDisk {
  return { ...disk, reserve: async () => ({ ok: true, value: { reserved: false } }) };
}

const said = (result: DiskResult<void>) => (result.ok ? 'ok' : `${result.code}: ${result.reason}`);

test('leaves to open transfers what they still need, where it cannot be set aside', async () => {
  const { disk, data } = await open(1_048_576, withoutReserve(createMemoryDisk()));
  const mib = 1_048_576;
  disk.setFree(11 * mib);
  must(await data.reserve(1, 6 * mib));
  assert.is(said(await data.reserve(2, 5 * mib)), 'ENOSPC: need 12 MiB, have 11 MiB');
  assert.equal(
    must(await disk.list('/s/packages')).map(({ name }) => name),
    ['1'],
  );
  must(await data.reserve(3, 4 * mib));
  assert.is(said(await data.reserve(4, 1)), 'ENOSPC: need 12 MiB, have 11 MiB');
  // Received data takes real space, which is not free.
  for (let index = 1; index <= 16; index++) must(await data.write(writeOf(index)));
  disk.setFree(10 * mib);
  must(await data.reserve(5, 0));
  assert.is(said(await data.reserve(6, 1)), 'ENOSPC: need 11 MiB, have 10 MiB');
  must(await data.discard(3));
  must(await data.reserve(6, 4 * mib));
  must(await data.seal(1, mib));
  must(await data.reserve(7, 5 * mib));
});

test('gives the space to the first of two transfers that come at once', async () => {
  const { disk, data } = await open(0, withoutReserve(createMemoryDisk()));
  disk.setFree(10 * chunkBytes);
  const made = await Promise.all([1, 2].map((number) => data.reserve(number, 6 * chunkBytes)));
  assert.equal(
    made.map(({ ok }) => ok),
    [true, false],
  );
});

test('knows after a restart what the transfers of before still need', async () => {
  const { disk, data } = await open(0, withoutReserve(createMemoryDisk()));
  disk.setFree(10 * chunkBytes);
  must(await data.scanFolders([{ number: 1, missingBytes: 6 * chunkBytes }]));
  assert.is((await data.reserve(2, 5 * chunkBytes)).ok, false);
  must(await data.reserve(2, 4 * chunkBytes));
});

test('asks for no more where blocks were set aside: they are not free', async () => {
  const { disk, data } = await open();
  disk.setFree(6 * chunkBytes);
  must(await data.reserve(1, 6 * chunkBytes));
  must(await data.reserve(2, 6 * chunkBytes));
});

test('writes each chunk at its place, whatever the order and the transfer', async () => {
  const { disk, data } = await open();
  must(await data.reserve(1, 3 * chunkBytes));
  must(await data.reserve(2, 3 * chunkBytes));
  for (const number of [1, 2]) {
    for (const index of [3, 1, 2]) {
      must(await data.write(writeOf(index, chunkOf(index * number), number)));
    }
  }
  for (const number of [1, 2]) {
    const wanted = Buffer.concat([1, 2, 3].map((index) => chunkOf(index * number)));
    assert.ok(disk.content(path(number))?.equals(wanted));
    assert.equal(must(await data.read(number, 2, chunkBytes)), chunkOf(2 * number));
  }
});

test('syncs each file that was written to once, and no other', async () => {
  const { disk, data } = await open();
  for (const number of [1, 2, 3]) must(await data.reserve(number, 4 * chunkBytes));
  const syncs = () => [1, 2, 3].map((number) => disk.count('sync', path(number)));
  for (const index of [1, 2, 3, 4]) must(await data.write(writeOf(index, chunkOf(index), 1)));
  must(await data.write(writeOf(1, chunkOf(1), 3)));
  await data.sync();
  assert.equal(syncs(), [1, 0, 1]);
  await data.sync();
  assert.equal(syncs(), [1, 0, 1]);
});

test('ends the process when a sync fails', async () => {
  const { disk, data } = await open();
  must(await data.reserve(1, chunkBytes));
  must(await data.write(writeOf(1)));
  disk.refuse(({ verb }) => (verb === 'sync' ? 'EIO' : undefined));
  assert.match(await thrownBy(() => data.sync()), /^fsync of \/s\/packages\/1\/data failed: EIO/);
  assert.match(await thrownBy(async () => data.seal(1, 9)), /^fsync of/);
});

test('syncs no file that is gone', async () => {
  const { disk, data } = await open();
  must(await data.reserve(1, chunkBytes));
  must(await data.write(writeOf(1)));
  must(await data.discard(1));
  await data.sync();
  assert.is(disk.count('sync', path(1)), 0);
  assert.is(disk.content(path(1)), undefined);
  assert.is(disk.openCount(), 0);
});

test('gives the file its size, durably, before anyone installs it', async () => {
  const { disk, data } = await open();
  must(await data.reserve(1, 2 * chunkBytes));
  must(await data.write(writeOf(1)));
  must(await data.write(writeOf(2, chunkOf(2, 10))));
  must(await data.seal(1, chunkBytes + 10));
  assert.is(disk.content(path(1))?.length, chunkBytes + 10);
  assert.is(disk.cut('lost').content(path(1))?.length, chunkBytes + 10);
  // It syncs again even if the file has that size: the process that truncated it may have been
  // killed before the sync.
  const before = disk.count('sync', path(1));
  must(await data.seal(1, chunkBytes + 10));
  assert.is(disk.count('sync', path(1)), before + 1);
});

test('takes an abort while the file is sealed for no failed sync', async () => {
  for (const verb of ['size', 'truncate', 'sync'] as const) {
    const { disk, data } = await open();
    must(await data.reserve(1, chunkBytes));
    disk.before(async (op) => {
      if (op.verb === verb) await data.discard(1);
    });
    const sealed = await data.seal(1, chunkBytes - 1);
    assert.not.ok(sealed.ok, verb);
  }
});

test('removes what no fact names, and shows what is there of the rest', async () => {
  const { disk, data } = await open();
  disk.put(path(1), 'abc');
  disk.put(path(2), 'de');
  disk.put('/s/packages/lost+found/x', 'z');
  const { payloads, notRemoved, foreign } = must(await data.scanFolders(known(1, 3)));
  assert.equal(payloads, [
    { number: 1, dataBytes: 3 },
    { number: 3, dataBytes: undefined },
  ]);
  assert.equal(notRemoved, []);
  assert.equal(foreign, ['lost+found']);
  assert.equal(
    must(await disk.list('/s/packages')).map(({ name }) => name),
    ['1', 'lost+found'],
  );
});

test('names the folders that the disk refused to remove', async () => {
  const { disk, data } = await open();
  disk.put(path(1), 'abc');
  disk.put(path(2), 'de');
  disk.put('/s/packages/lost+found/x', 'z');
  disk.refuse((op) => (op.verb === 'remove' ? 'EIO' : undefined));
  const { notRemoved } = must(await data.scanFolders(known(1)));
  assert.equal(
    notRemoved.map(({ number }) => number),
    [2],
  );
});

test('does not take a shortage of handles for a lost file', async () => {
  for (const code of ['EMFILE', 'ENFILE', 'ENOMEM']) {
    const { disk, data } = await open();
    disk.put(path(1), 'abc');
    disk.refuse((op) => (op.verb === 'open' ? code : undefined));
    const surveyed = await data.scanFolders(known(1));
    assert.is(surveyed.ok ? 'gave it up' : surveyed.code, code);
  }
});

test('gives up a file that cannot be read any more, and starts', async () => {
  const { disk, data } = await open();
  disk.put(path(1), 'abc');
  disk.refuse((op) => (op.verb === 'open' ? 'EIO' : undefined));
  assert.equal(must(await data.scanFolders(known(1))).payloads, [
    { number: 1, dataBytes: undefined },
  ]);
});

test('keeps an acknowledged chunk through a cut right after the commit', async () => {
  const disk = createMemoryDisk();
  const store = must(await openStore(disk, '/s', 0, journalFold));
  must(await store.data.scanFolders([]));
  must(await store.reserve(1, 4 * chunkBytes, 4));
  must(await store.commit(opened()));
  for (const index of [2, 1]) {
    must(await store.data.write(writeOf(index)));
    must(await store.commit([held(index)]));
    const after: MemoryDisk = disk.cut('lost');
    const again = must(await openStore(after, '/s', 0, journalFold));
    const [one] = again.state.core.packages.values();
    const transfer = one === undefined ? undefined : transferOf(one);
    assert.ok(transfer !== undefined && hasChunk(transfer.chunks, index));
    must(await again.data.scanFolders(known(1)));
    assert.equal(must(await again.data.read(1, index, chunkBytes)), chunkOf(index));
  }
});

test('does all of that on the real disk', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sota-data-'));
  try {
    const store = must(await openStore(createDisk(), directory, 0, journalFold));
    must(await store.data.scanFolders([]));
    must(await store.reserve(1, 3 * chunkBytes, 3));
    const file = `${directory}/packages/1/data`;
    assert.is(statSync(file).size, 3 * chunkBytes);
    for (const index of [3, 1, 2]) must(await store.data.write(writeOf(index)));
    must(await store.commit([...opened(1, 3), held(1), held(2), held(3)]));
    must(await store.data.seal(1, 2 * chunkBytes + 5));
    assert.is(statSync(file).size, 2 * chunkBytes + 5);
    assert.ok(readFileSync(file).subarray(0, chunkBytes).equals(chunkOf(1)));
    await store.close();
    const again = must(await openStore(createDisk(), directory, 0, journalFold));
    const { payloads } = must(await again.data.scanFolders(known(1)));
    assert.equal(payloads, [{ number: 1, dataBytes: 131_077 }]);
    must(await again.discard(1));
    assert.not.ok((await again.data.read(1, 1, 1)).ok);
    await again.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test.run();
