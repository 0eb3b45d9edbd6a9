// Tests the chunk set against a plain sorted set, in random orders and at the borders of pages.
import {
  ackIndices,
  crcOf,
  removeChunk,
  addChunk,
  addPage,
  hasChunk,
  indicesOf,
  isPrefixLong,
  emptyChunkSet,
  pageChunks,
  prefixCount,
} from '../../../src/core/chunk-set.ts';
import { chunksCountMax } from '../../../src/limits.ts';
import { createRandom } from '../../support/prng.ts';
import { assert, suite } from '../../support/suite.ts';
import type { ChunkSet } from '../../../src/core/model.ts';

const test = suite('held');
const holdAll = (...indices: readonly number[]) =>
  indices.reduce((chunks, index) => addChunk(chunks, index, index * 7), emptyChunkSet);

function prefixOf(sorted: readonly number[]): number {
  const gap = sorted.findIndex((index, at) => index !== at + 1);
  return gap === -1 ? sorted.length : gap;
}

test('tells the same as a set, whatever is held and dropped', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const prng = createRandom(seed);
    const count = 1 + prng.below(3 * pageChunks);
    const set = new Set<number>();
    let chunks: ChunkSet = emptyChunkSet;
    for (let step = 0; step < 300; step++) {
      const index = 1 + prng.below(count);
      const isDropped = prng.chance(0.2);
      chunks = isDropped ? removeChunk(chunks, index) : addChunk(chunks, index, index);
      if (isDropped) set.delete(index);
      else set.add(index);
    }
    const sorted = [...set].sort((a, b) => a - b);
    assert.equal(indicesOf(chunks), sorted, `seed ${seed}`);
    assert.is(chunks.count, set.size);
    assert.is(prefixCount(chunks), prefixOf(sorted));
    for (let index = 1; index <= count; index++) {
      assert.is(hasChunk(chunks, index), set.has(index));
      assert.is(crcOf(chunks, index), set.has(index) ? index : undefined);
    }
  }
});

test('an older state stays what it was', () => {
  const before = holdAll(1, 2);
  removeChunk(addChunk(before, 3, 0), 1);
  assert.equal(indicesOf(before), [1, 2]);
});

test('knows nothing of what was never held, at the borders of pages too', () => {
  const chunks = holdAll(pageChunks, 2 * pageChunks + 1, chunksCountMax);
  assert.equal(indicesOf(chunks), [pageChunks, 2 * pageChunks + 1, chunksCountMax]);
  for (const index of [1, pageChunks - 1, pageChunks + 1, 2 * pageChunks, chunksCountMax - 1]) {
    assert.not.ok(hasChunk(chunks, index));
    assert.is(crcOf(chunks, index), undefined);
  }
  assert.is(prefixCount(chunks), 0);
});

test('counts the run up to a gap, wherever the gap is in a byte or a page', () => {
  const count = 2 * pageChunks + 9;
  const all = holdAll(...Array.from({ length: count }, (_, at) => at + 1));
  assert.is(prefixCount(all), count);
  for (let gap = 1; gap <= count; gap++) {
    const chunks = removeChunk(all, gap);
    assert.is(prefixCount(chunks), gap - 1);
    assert.is(isPrefixLong(chunks), gap > 2);
  }
  assert.not.ok(isPrefixLong(holdAll(1)));
});

test('the largest CRC comes back as it was', () => {
  assert.is(crcOf(addChunk(emptyChunkSet, 1, 0xffffffff), 1), 0xffffffff);
});

test('takes whole pages, also over what is held', () => {
  const [page] = holdAll(1, 3).pages;
  if (page === undefined) throw new Error('no page');
  const chunks = addPage(addPage(emptyChunkSet, 2, page), 2, page);
  assert.equal(indicesOf(chunks), [2 * pageChunks + 1, 2 * pageChunks + 3]);
  assert.is(chunks.count, 2);
});

test('an ack lists everything, or nothing as long as chunk 1 is missing', () => {
  assert.equal(ackIndices(emptyChunkSet, 'full'), []);
  assert.equal(ackIndices(holdAll(2, 3), 'full'), []);
  assert.equal(ackIndices(holdAll(1), 'full'), [1]);
  assert.equal(ackIndices(holdAll(1, 2, 5), 'full'), [1, 2, 5]);
});

test('a short ack is the end of the run from 1, also if chunks after a gap are stored', () => {
  const cases: readonly (readonly [readonly number[], readonly number[], readonly number[]])[] = [
    [[], [], []],
    [[2, 3], [], []],
    [[1], [1], [1]],
    [[1, 3], [1], [1]],
    [[1, 2], [1, 2], [2]],
    [[1, 2, 3], [2, 3], [3]],
    [[1, 2, 3, 5, 6], [2, 3], [3]],
  ];
  for (const [held, tail, single] of cases) {
    assert.equal(ackIndices(holdAll(...held), 'tail'), tail);
    assert.equal(ackIndices(holdAll(...held), 'single'), single);
  }
});

test.run();
