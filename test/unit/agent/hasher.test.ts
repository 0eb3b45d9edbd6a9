// Tests the hasher over a disk in memory. As the agent does, the test passes it the state of the
// transfer and the writes after each commit. The test counts reads: chunks in order need no read.
import { createHash } from 'node:crypto';
import { removeChunk, addChunk, emptyChunkSet } from '../../../src/core/chunk-set.ts';
import { crc32 } from '../../../src/crc32.ts';
import { chunkBytes } from '../../../src/limits.ts';
import { createPayloadFiles } from '../../../src/store/payload-files.ts';
import { createHasher } from '../../../src/agent/hasher.ts';
import { createMemoryDisk } from '../../support/memory-disk.ts';
import { assert, suite } from '../../support/suite.ts';
import { settle } from '../../support/control.ts';
import { checksum, chunkOf, must, writeOf } from '../../support/store.ts';
import type { Write } from '../../../src/core/events.ts';
import type { Event } from '../../../src/agent/backend.ts';
import type { Transfer } from '../../../src/core/model.ts';

const test = suite('the hasher');
const path = '/s/packages/1/data';

async function setUp(chunksCount: number, lastBytes = chunkBytes) {
  const disk = createMemoryDisk();
  must(await disk.makeDirectory('/s'));
  const data = createPayloadFiles(disk, '/s', 0);
  must(await data.scanFolders([]));
  must(await data.reserve(1, chunksCount * chunkBytes));
  const events: Event[] = [];
  const start = () => createHasher(data, (event) => events.push(event));
  let hasher = start();
  const count = Math.max(1, chunksCount);
  let transfer: Transfer = {
    number: 1,
    checksum,
    chunksCount,
    chunks: emptyChunkSet,
    lastChunkBytes: undefined,
  };
  const chunk = (index: number) => chunkOf(index, index === count ? lastBytes : chunkBytes);
  return {
    disk,
    data,
    events,
    /** Commits these chunks. */
    async commit(...indices: readonly number[]) {
      const writes: Write[] = [];
      for (const index of indices) {
        const write = writeOf(index, chunk(index));
        must(await data.write(write));
        writes.push(write);
        const chunks = addChunk(transfer.chunks, index, crc32(write.data));
        const last = index === count ? lastBytes : transfer.lastChunkBytes;
        transfer = { ...transfer, chunks, lastChunkBytes: last };
      }
      for (const _ of indices) hasher.advance(transfer, writes);
      await settle();
    },
    drop(index: number) {
      transfer = { ...transfer, chunks: removeChunk(transfer.chunks, index) };
    },
    /** Commits something else. */
    async advance() {
      hasher.advance(transfer, []);
      await settle();
    },
    async restart() {
      hasher = start();
      hasher.advance(transfer, []);
      await settle();
    },
    transfer: () => transfer,
    forget: () => hasher.forget(1),
    hashed: () => {
      const all = Buffer.concat(Array.from({ length: count }, (_, at) => chunk(at + 1)));
      return { kind: 'hashed', number: 1, sha1: createHash('sha1').update(all).digest('hex') };
    },
  };
}

test('hashes chunks that come in order from memory, and reads nothing back', async () => {
  const one = await setUp(4, 100);
  for (const index of [1, 2, 3, 4]) await one.commit(index);
  assert.equal(one.events, [one.hashed()]);
  assert.is(one.disk.count('read'), 0);
});

test('hashes a batch in order from memory', async () => {
  const one = await setUp(4);
  await one.commit(1, 2);
  await one.commit(3, 4);
  assert.equal(one.events, [one.hashed()]);
  assert.is(one.disk.count('read'), 0);
});

test('hashes chunks that come out of order, and reads back only those that waited', async () => {
  for (const order of [
    [4, 3, 2, 1],
    [2, 1, 4, 3],
    [1, 3, 2, 4],
  ]) {
    const one = await setUp(4, 7);
    for (const index of order) await one.commit(index);
    assert.equal(one.events, [one.hashed()], order.join());
    assert.ok(one.disk.count('read') <= 3);
    const batched = await setUp(4, 7);
    await batched.commit(...order);
    assert.equal(batched.events, [batched.hashed()], order.join());
  }
});

test('says the sum once, however often it is told to go on', async () => {
  const one = await setUp(2);
  await one.commit(1, 2);
  await one.advance();
  await one.advance();
  assert.equal(one.events, [one.hashed()]);
});

test('hashes the one empty chunk of an empty package, also after a restart', async () => {
  const one = await setUp(0, 0);
  await one.commit(1);
  assert.equal(one.events, [one.hashed()]);
  await one.restart();
  assert.equal(one.events, [one.hashed(), one.hashed()]);
});

test('reads the prefix back after a restart, and goes on beside the transfer', async () => {
  const one = await setUp(6, 3);
  await one.commit(1, 2, 3);
  let isHeld = true;
  let release: () => void = () => undefined;
  one.disk.before(({ verb }) => {
    if (verb !== 'read' || !isHeld) return undefined;
    isHeld = false;
    return new Promise<void>((resolve) => (release = resolve));
  });
  await one.restart();
  // The hasher adds chunks that arrive during the read after the prefix.
  await one.commit(4);
  assert.equal(one.events, []);
  release();
  await settle();
  await one.commit(5, 6);
  assert.equal(one.events, [one.hashed()]);
});

test('drops a chunk that rotted, once, and takes it when it comes again', async () => {
  for (const index of [1, 3, 4]) {
    const one = await setUp(4);
    await one.commit(1, 2, 3, 4);
    one.events.length = 0;
    const at = (index - 1) * chunkBytes + 99;
    const file = one.disk.content(path);
    if (file !== undefined) file[at] = (file[at] ?? 0) ^ 1;
    await one.restart();
    const rotten = { kind: 'chunk-corrupt', number: 1, chunkIndex: index };
    assert.equal(one.events, [rotten]);
    // The agent has not yet removed the corrupt chunk, and commits other changes first.
    await one.advance();
    await one.advance();
    assert.equal(one.events, [rotten]);
    one.drop(index);
    await one.advance();
    await one.commit(index);
    assert.equal(one.events, [rotten, one.hashed()]);
  }
});

test('takes a rotten chunk that is dropped and comes again within one commit', async () => {
  const one = await setUp(2);
  await one.commit(1, 2);
  one.events.length = 0;
  one.disk.content(path)?.fill(0);
  await one.restart();
  one.drop(1);
  await one.commit(1);
  const rotten = (chunkIndex: number) => ({ kind: 'chunk-corrupt', number: 1, chunkIndex });
  assert.equal(one.events, [rotten(1), rotten(2)]);
});

test('has a chunk that cannot be read sent again', async () => {
  const one = await setUp(2);
  await one.commit(1, 2);
  one.events.length = 0;
  one.disk.refuse(({ verb }) => (verb === 'read' ? 'EIO' : undefined));
  await one.restart();
  assert.equal(one.events, [{ kind: 'chunk-corrupt', number: 1, chunkIndex: 1 }]);
});

test('says nothing of a transfer that is given up while it is read', async () => {
  const one = await setUp(3);
  await one.commit(1, 2, 3);
  one.events.length = 0;
  one.disk.before(async ({ verb }) => {
    if (verb !== 'read') return;
    one.forget();
    await one.data.discard(1);
  });
  await one.restart();
  assert.equal(one.events, []);
  assert.is(one.disk.openCount(), 0);
});

test('reads all chunks into one buffer', async () => {
  const one = await setUp(8);
  await one.commit(1, 2, 3, 4, 5, 6, 7, 8);
  const buffers = new Set<ArrayBufferLike>();
  const read: typeof one.data.read = async (...where) => {
    const bytes = await one.data.read(...where);
    if (bytes.ok) buffers.add(bytes.value.buffer);
    return bytes;
  };
  const events: Event[] = [];
  const hasher = createHasher({ ...one.data, read }, (event) => events.push(event));
  hasher.advance(one.transfer(), []);
  await settle();
  assert.equal([events.length, buffers.size], [1, 1]);
});

test.run();
