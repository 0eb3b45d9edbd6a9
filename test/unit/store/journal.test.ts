// Tests the journal on a disk in memory that counts and refuses operations and loses power. The
// test opens the journal again to read what power loss left.

import { journalFold } from '../../../src/agent/journal-fold.ts';
import { policy } from '../../../src/agent/backend.ts';
import { journalReserveBytes, journalSlackBytesMax } from '../../../src/limits.ts';
import { openJournal } from '../../../src/store/journal.ts';
import { confirmAll } from '../../support/decode-journal.ts';
import { oldRecord as encodeRecord } from '../../support/old-journal.ts';
import { openStore } from '../../../src/store/store.ts';
import { changing, createMemoryDisk } from '../../support/memory-disk.ts';
import { assert, suite } from '../../support/suite.ts';
import { held, must, opened, thrownBy } from '../../support/store.ts';
import { decodeJournal } from '../../support/decode-journal.ts';
import type { Fact } from '../../../src/agent/backend.ts';
import type { MemoryDisk } from '../../support/memory-disk.ts';

const test = suite('the journal');
const path = '/s/journal';
const spelled = (facts: readonly Fact[]) => Buffer.concat(facts.map(encodeRecord));

async function open(disk: MemoryDisk) {
  must(await disk.makeDirectory('/s'));
  must(await disk.syncDirectory('/'));
  return must(await openJournal(disk, '/s', journalFold, confirmAll));
}

/** Returns a disk with these facts, appended by an agent that was killed afterwards. */
async function written(...batches: readonly (readonly Fact[])[]): Promise<MemoryDisk> {
  const disk = createMemoryDisk();
  const { journal } = await open(disk);
  for (const facts of batches) must(await journal.append(facts));
  return disk;
}

test('gives back what was appended, in order', async () => {
  const disk = await written(opened(), [held(1), held(2)]);
  const again = await open(disk.cut('lost'));
  assert.equal(again.state, policy.replay([...opened(), held(1), held(2)]));
  assert.equal(again.losses, []);
});

test('syncs once for each append, and once more for the copies if there are any', async () => {
  const disk = createMemoryDisk();
  const { journal } = await open(disk);
  const before = disk.ops.length;
  must(await journal.append([...opened(), held(1)]));
  must(await journal.append([held(2), held(3)]));
  const verbs = disk.ops.slice(before).map(({ verb }) => verb);
  assert.equal(verbs, ['write', 'sync', 'write', 'sync', 'write', 'sync']);
});

test('cuts a torn tail off at every byte, and syncs before it appends behind', async () => {
  const sound = spelled(opened());
  const torn = spelled([held(1)]);
  for (let bytes = 0; bytes < torn.length; bytes += 1) {
    const disk = createMemoryDisk();
    disk.put(path, Buffer.concat([sound, torn.subarray(0, bytes)]));
    const { journal, state, losses, damage } = await open(disk);
    assert.equal(state, policy.replay(opened()));
    assert.is(damage, undefined);
    assert.equal(
      losses,
      bytes === 0 ? [] : [`journal: removed ${bytes} bytes of an interrupted append`],
    );
    // No removed byte comes back after power loss.
    assert.equal((await open(disk.cut('lost'))).state, policy.replay(opened()));
    must(await journal.append([held(2)]));
    const again = await open(disk.cut('lost'));
    assert.equal(again.state, policy.replay([...opened(), held(2)]), `${bytes} bytes`);
    assert.equal(again.losses, []);
  }
});

for (const [what, content] of [
  ['zeros', Buffer.alloc(4_096)],
  ['half a head', Buffer.from([1, 0, 0])],
  ['a length beyond the end', Buffer.from([255, 255, 0, 0, 1, 2, 3, 4, 5])],
] as const) {
  test(`starts with a journal of ${what}, and says what it lost`, async () => {
    const disk = createMemoryDisk();
    disk.put(path, content);
    const { journal, state, isEmpty, losses } = await open(disk);
    const facts: readonly Fact[] = what === 'zeros' ? [{ kind: 'records-lost' }] : [];
    assert.equal([state, isEmpty], [policy.replay(facts), facts.length === 0]);
    assert.equal(losses, [`journal: removed ${content.length} bytes of an interrupted append`]);
    must(await journal.append(opened()));
    const again = await open(disk.cut('lost'));
    assert.equal(again.state, policy.replay([...facts, ...opened()]));
    // The journal was truncated, not only overwritten.
    assert.equal(again.losses, []);
  });
}

test('cuts a torn tail off also where the rest cannot be written again', async () => {
  const disk = createMemoryDisk();
  disk.put(path, Buffer.concat([spelled(opened()), spelled([held(1), held(2)]).subarray(0, -3)]));
  disk.refuse((op) => (op.path === `${path}.new` && op.verb === 'open' ? 'ENOSPC' : undefined));
  const { journal } = await open(disk);
  must(await journal.append([held(3)]));
  const again = await open(disk.cut('lost'));
  assert.equal(again.state, policy.replay([...opened(), held(1), held(3)]));
  assert.equal(again.losses, []);
});

for (const [what, content] of [
  ['missing', undefined],
  ['empty', ''],
] as const) {
  test(`tells of the data whose journal is ${what}, and removes it`, async () => {
    const disk = createMemoryDisk();
    if (content !== undefined) disk.put(path, content);
    disk.put('/s/packages/7/data', 'payload');
    const store = must(await openStore(disk, '/s', 0, journalFold));
    const what = 'journal: no record of 1 folders in packages; the agent removes them';
    assert.equal(store.losses, [what]);
    must(await store.data.scanFolders([]));
    assert.is(disk.content('/s/packages/7/data'), undefined);
    const fresh = must(await openStore(createMemoryDisk(), '/s', 0, journalFold));
    assert.equal(fresh.losses, []);
  });
}

test('leaves out sound records of another version, says so, and keeps them', async () => {
  const strange = recordOf({ kind: 'of-the-future', number: 1 });
  const odd = recordOf({ kind: 'transfer-started', id: 'engine' });
  const content = Buffer.concat([strange, spelled(opened()), odd, spelled([held(1)])]);
  const disk = createMemoryDisk();
  disk.put(path, content);
  const { state, losses } = await open(disk);
  assert.equal(state, policy.replay([...opened(), held(1)]));
  assert.equal(losses, ['journal: skipped 2 records of another version']);
  assert.equal(disk.content(path), content);
});

function recordOf(value: unknown): Buffer {
  const payload = Buffer.from(JSON.stringify(value));
  // The head has the length of the payload and the CRC of the payload.
  const head = Buffer.alloc(8);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crcByBits(payload), 4);
  return Buffer.concat([head, payload]);
}

/** Computes the CRC of IEEE 802.3 bit by bit. */
function crcByBits(data: Uint8Array): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test('writes again what it read: the last life may have failed to sync it', async () => {
  const disk = createMemoryDisk();
  const { journal } = await open(disk);
  disk.refuse(({ verb }) => (verb === 'sync' ? 'EIO' : undefined));
  await thrownBy(() => journal.append(opened()));
  disk.refuse(undefined);
  // The kernel has dropped the pages: another sync of that file succeeds but writes nothing.
  disk.lie((at) => at === path);
  assert.equal((await open(disk)).state, policy.replay(opened()));
  assert.equal((await open(disk.cut('lost'))).state, policy.replay(opened()));
});

test('takes a refused append back, so that the next start reads nothing of it', async () => {
  for (const code of ['ENOSPC', 'EIO', 'EROFS']) {
    const disk = await written(opened());
    const { journal } = await open(disk);
    const end = disk.content(path)?.length ?? 0;
    // The half that was written contains whole records of the batch.
    disk.refuse(({ verb }) => (verb === 'write' ? code : undefined));
    const refused = await journal.append([held(1), held(2), held(3), held(4)]);
    assert.is(refused.ok ? '' : refused.code, code);
    disk.refuse(undefined);
    assert.is(disk.content(path)?.length, end);
    assert.equal((await open(disk.cut('lost'))).state, policy.replay(opened()));
    must(await journal.append([held(2)]));
    const { state } = await open(disk.cut('lost'));
    assert.equal(state, policy.replay([...opened(), held(2)]));
  }
});

test('takes the blocks again that taking back an append gave away', async () => {
  const disk = await written(opened());
  const { journal } = await open(disk);
  disk.refuse(({ verb }) => (verb === 'write' ? 'EIO' : undefined));
  const before = disk.ops.length;
  await journal.append([held(1)]);
  const after = disk.ops.slice(before).map(({ verb }) => verb);
  assert.equal(after, ['write', 'truncate', 'sync', 'reserve']);
});

test('ends the process when an append can neither be kept nor taken back', async () => {
  const disk = await written(opened());
  const { journal } = await open(disk);
  disk.refuse(({ verb }) => (['write', 'truncate'].includes(verb) ? 'EIO' : undefined));
  const said = await thrownBy(() => journal.append([held(1)]));
  assert.is(said, 'journal: cannot undo a failed append');
});

test('ends the process when a sync fails, says why, and does not try it again', async () => {
  const disk = createMemoryDisk();
  const { journal } = await open(disk);
  const before = disk.count('sync');
  disk.refuse(({ verb }) => (verb === 'sync' ? 'EIO' : undefined));
  const said = await thrownBy(() => journal.append([held(1)]));
  assert.match(said, `fsync of ${path} failed: EIO: `);
  assert.is(disk.count('sync'), before + 1);
});

test('is whole whatever operation of a rewrite the power is lost at', async () => {
  const facts = [...opened(), held(1), held(2)];
  const expected = policy.replay(facts);
  for (const unsynced of ['lost', 'kept'] as const) {
    let cutAt = 0;
    for (let isOver = false; !isOver; cutAt += 1) {
      const disk = await written(facts);
      const { journal } = await open(disk);
      let steps = 0;
      let left: MemoryDisk | undefined;
      disk.before(({ verb }) => {
        if (!changing.includes(verb)) return;
        if (steps === cutAt) left = disk.cut(unsynced);
        steps += 1;
      });
      must(await journal.rewrite(policy.snapshot(expected)));
      isOver = left === undefined;
      const again = await open(left ?? disk.cut(unsynced));
      assert.equal(again.state, expected, `${unsynced} at ${cutAt}`);
      assert.equal(again.losses, []);
    }
    assert.ok(cutAt >= 6, `${cutAt} steps`);
  }
});

test('removes a rewrite that was cut, and never reads it', async () => {
  const disk = createMemoryDisk();
  disk.put(path, spelled(opened()));
  disk.put(`${path}.new`, spelled([...opened(), held(3)]));
  assert.equal((await open(disk)).state, policy.replay(opened()));
  assert.is(disk.content(`${path}.new`), undefined);
});

for (const verb of ['open', 'truncate', 'free', 'write', 'rename'] as const) {
  test(`keeps the old file where the ${verb} of a rewrite is refused`, async () => {
    const disk = await written(opened());
    const { journal } = await open(disk);
    const openBefore = disk.openCount();
    disk.refuse((op) => (op.verb === verb ? 'ENOSPC' : undefined));
    const refused = await journal.rewrite(opened());
    disk.refuse(undefined);
    assert.is(refused.ok ? '' : refused.code, 'ENOSPC');
    // An open handle or a partial file would make the next attempt fail.
    assert.is(disk.openCount(), openBefore);
    assert.is(disk.content(`${path}.new`), undefined);
    must(await journal.append([held(1)]));
    const again = await open(disk.cut('lost'));
    assert.equal(again.state, policy.replay([...opened(), held(1)]));
  });
}

test('ends the process when the directory of a new journal cannot be synced', async () => {
  const disk = await written(opened());
  const { journal } = await open(disk);
  disk.refuse(({ verb }) => (verb === 'sync-directory' ? 'EIO' : undefined));
  assert.match(await thrownBy(() => journal.rewrite(opened())), /^fsync of \/s failed: EIO/);
});

test('tries a refused rewrite again when as much was appended again, not each time', async () => {
  const disk = createMemoryDisk();
  const store = must(await openStore(disk, '/s', 0, journalFold));
  must(await store.commit(opened(1, 32_768)));
  const batch = Array.from({ length: 500 }, (_, at) => held(at + 1, new Uint8Array(0)));
  const grow = async () => {
    while (!store.isSlack()) must(await store.commit(batch));
  };
  await grow();
  disk.refuse(({ path: at }) => (at.endsWith('.new') ? 'ENOSPC' : undefined));
  assert.not.ok((await store.rewrite([])).ok);
  assert.not.ok(store.isSlack());
  await grow();
  const bytes = disk.content(path)?.length ?? 0;
  assert.ok(bytes > 2 * journalSlackBytesMax && bytes < 3 * journalSlackBytesMax, `${bytes}`);
});

test('does not read on into a longer rewrite that could not be removed', async () => {
  const disk = await written(opened());
  const { journal } = await open(disk);
  disk.put(`${path}.new`, spelled([...opened(2, 9), held(1), held(2), held(3), held(4)]));
  must(await journal.rewrite(policy.snapshot(policy.replay(opened()))));
  const { facts, header } = decodeJournal(journalFold, disk.content(path) ?? Buffer.alloc(0));
  assert.equal(policy.replay(facts), policy.replay(opened()));
  assert.is(header?.snapshotBytes, disk.content(path)?.length);
});

const sizeOf = (disk: MemoryDisk) => disk.content(path)?.length ?? 0;

test('takes blocks when it is told to, also of a journal that was rewritten already', async () => {
  const disk = createMemoryDisk();
  const taken = () => disk.ops.filter(({ verb }) => verb === 'reserve').at(-1)?.bytes ?? 0;
  must(await (await open(disk)).journal.reserveBlocks());
  assert.is(taken(), sizeOf(disk) + journalReserveBytes);
  disk.put(path, spelled(policy.snapshot(policy.replay(opened(1, 1_000)))));
  must(await (await open(disk)).journal.reserveBlocks());
  assert.ok(taken() >= journalReserveBytes + 64_000, `${taken()}`);
});

test('closes the file after a program that takes its blocks has ended', async () => {
  const disk = await written(opened());
  let end: () => void = () => undefined;
  const reserve: typeof disk.reserve = async (...given) => {
    await new Promise<void>((resolve) => (end = resolve));
    return disk.reserve(...given);
  };
  const { journal } = must(await openJournal({ ...disk, reserve }, '/s', journalFold, confirmAll));
  const reserved = journal.reserveBlocks();
  let isClosed = false;
  const closed = journal.close().then(() => (isClosed = true));
  must(await journal.append([held(1)]));
  assert.not(isClosed);
  end();
  must(await reserved);
  await closed;
});

test('takes blocks for each transfer that is open, and none for one that is over', async () => {
  const disk = createMemoryDisk();
  const { journal } = await open(disk);
  const taken = () => disk.ops.filter(({ verb }) => verb === 'reserve').at(-1)?.bytes;
  must(await journal.reserve(1, 64_000));
  assert.is(taken(), sizeOf(disk) + journalReserveBytes + 64 * 1_000);
  journal.release(1);
  must(await journal.reserve(2, 640));
  assert.is(taken(), sizeOf(disk) + journalReserveBytes + 64 * 10);
});

test('starts no program in a rewrite, and takes the blocks when it is told to', async () => {
  const disk = await written(opened());
  const { journal } = await open(disk);
  const before = disk.count('reserve');
  must(await journal.rewrite(policy.snapshot(policy.replay(opened()))));
  assert.is(disk.count('reserve'), before);
  must(await journal.reserveBlocks());
  assert.is(disk.count('reserve'), before + 1);
});

test('starts no program at its start, and two for a transfer', async () => {
  const disk = createMemoryDisk();
  const store = must(await openStore(disk, '/s', 0, journalFold));
  must(await store.data.scanFolders([]));
  assert.is(disk.count('reserve'), 0);
  must(await store.reserve(1, 65_536 * 4, 4));
  for (const batch of [opened(), [held(1)], [held(2), held(3)]]) must(await store.commit(batch));
  assert.is(disk.count('reserve'), 2);
});

test('refuses a transfer whose records have no room on the disk', async () => {
  const disk = createMemoryDisk();
  const store = must(await openStore(disk, '/s', 0, journalFold));
  must(await store.data.scanFolders([]));
  disk.refuse(({ verb, path: at }) => (verb === 'reserve' && at === path ? 'ENOSPC' : undefined));
  const refused = await store.reserve(1, 65_536, 1);
  assert.is(refused.ok ? '' : refused.code, 'ENOSPC');
  assert.is(disk.content('/s/packages/1/data'), undefined);
});

test('appends on a full disk as long as its blocks last, and starts on one', async () => {
  const disk = await written(opened());
  disk.refuse(({ verb }) => (verb === 'reserve' ? 'ENOSPC' : undefined));
  const { journal, state } = await open(disk);
  assert.equal(state, policy.replay(opened()));
  must(await journal.append([held(1)]));
});

test('starts read-only on no disk: it says what is wrong', async () => {
  const disk = createMemoryDisk();
  must(await disk.makeDirectory('/s'));
  disk.refuse(({ verb }) => (verb === 'open' ? 'EROFS' : undefined));
  const refused = await openStore(disk, '/s', 0, journalFold);
  assert.is(refused.ok ? '' : refused.code, 'EROFS');
});

test.run();
