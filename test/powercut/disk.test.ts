// Tests the disk and the plans of the power losses without a machine.
import { createRandom } from '../support/prng.ts';
import { assert, suite } from '../support/suite.ts';
import { createContentOf } from './content.ts';
import { createDisk } from './disk.ts';
import { planOf } from './plan.ts';
import { createWatch } from './watch.ts';
import type { Plan } from './plan.ts';

const test = suite('disk with a volatile cache');
const sectorBytes = 512;
const pageBytes = 4_096;
const ones = (count: number) => Buffer.alloc(count, 1);
const emptyDisk = () => createDisk(Buffer.alloc(64 * pageBytes));

test('a flush includes what was answered, and nothing that is held', () => {
  const disk = emptyDisk();
  disk.hold(pageBytes, ones(pageBytes));
  disk.write(2 * pageBytes, ones(pageBytes), false);
  disk.flush();
  assert.is(disk.read(pageBytes, 1)[0], 1);
  assert.is(disk.platter[pageBytes], 0);
  assert.is(disk.platter[2 * pageBytes], 1);
});

for (const [ofHeld, value] of [
  ['keep', 1],
  ['drop', 0],
] as const) {
  test(`a power loss can ${ofHeld} the held writes and do the reverse with the cache`, () => {
    const disk = emptyDisk();
    disk.hold(pageBytes, ones(pageBytes));
    disk.write(2 * pageBytes, ones(pageBytes), false);
    const report = disk.cut(ofHeld === 'keep' ? 'drop' : 'keep', createRandom(1), ofHeld);
    assert.equal(report, { waiting: 1, held: 1, lost: 1, torn: 0 });
    assert.is(disk.platter[pageBytes], value);
    assert.is(disk.platter[2 * pageBytes], 1 - value);
    assert.is(disk.read(pageBytes, 1)[0], value);
  });
}

test('a held write is torn by sectors, one in the cache by pages, the superblock never', () => {
  const smallest = { held: Infinity, cached: Infinity };
  for (let seed = 1; seed <= 200; seed++) {
    const disk = emptyDisk();
    disk.hold(0, ones(pageBytes));
    disk.hold(8 * pageBytes, ones(4 * pageBytes));
    disk.write(16 * pageBytes, ones(4 * pageBytes), false);
    disk.cut('tear', createRandom(seed));
    const { platter } = disk;
    assert.is(platter[0], platter[pageBytes - 1]);
    smallest.held = Math.min(smallest.held, pieceIn(platter.subarray(8 * pageBytes)));
    smallest.cached = Math.min(smallest.cached, pieceIn(platter.subarray(16 * pageBytes)));
  }
  assert.equal(smallest, { held: sectorBytes, cached: pageBytes });
});

/** The number of bytes until the first change, of a write of four pages. */
function pieceIn(platter: Buffer): number {
  const end = platter.subarray(0, 4 * pageBytes).findIndex((byte) => byte !== platter[0]);
  return end === -1 ? 4 * pageBytes : end;
}

const payload = Buffer.from(Array.from({ length: 2_048 }, (_, at) => (at * 7 + 3) % 251));
const records = Buffer.from('SOTA-AGENT-STORE');

function watched(moment: Plan['moment']) {
  const disk = emptyDisk();
  const watch = createWatch(disk, createContentOf(payload));
  watch.aim({ flushes: 1, moment, survival: 'keep', seed: 1 });
  const write = (data: Buffer) => {
    const isHeld = watch.isHeld(data);
    watch.changed(isHeld ? 'hold' : 'write');
    return isHeld;
  };
  return { disk, watch, write };
}

test('a plan holds the next write of each content, and freezes the disk some flushes later', () => {
  const { disk, watch, write } = watched({
    kind: 'hold',
    contents: ['payload'],
    flushes: 2,
    quietMs: 60_000,
    survival: 'drop',
  });
  assert.is(write(payload), false, 'before its first flush');
  watch.changed('flush');
  assert.is(write(records), false, 'another content');
  watch.changed('flush');
  assert.is(write(payload), true);
  assert.is(write(payload), false, 'one of each');
  watch.changed('flush');
  assert.is(watch.isHit(), false);
  watch.changed('flush');
  assert.is(watch.isHit(), true);
  assert.is(disk.isFrozen(), true);
  watch.rest();
});

test('a plan freezes the disk at a write, so that this write waits in the cache', () => {
  const { disk, watch, write } = watched({ kind: 'write', count: 2 });
  write(payload);
  watch.changed('flush');
  write(records);
  assert.is(disk.isFrozen(), false);
  write(records);
  assert.is(disk.isFrozen(), true);
});

test('a seed gives the same plans again', () => {
  const plansOf = (seed: number) => {
    const prng = createRandom(seed);
    return Array.from({ length: 20 }, () => planOf(prng));
  };
  assert.equal(plansOf(7), plansOf(7));
  assert.not.equal(plansOf(7), plansOf(8));
});

test.run();
