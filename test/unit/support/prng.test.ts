// Tests the random generator of the tests: weak seeds would make a thousand runs nearly equal.
import { createRandom } from '../../support/prng.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('prng');
const seeds = Array.from({ length: 10_000 }, (_, seed) => seed);

test('draws the same numbers from the same seed', () => {
  const [one, two] = [createRandom(7), createRandom(7)];
  for (let drawn = 0; drawn < 100; drawn++) assert.is(one.uint32(), two.uint32());
});

test('draws another first number from a neighbouring seed', () => {
  const firsts = new Set(seeds.map((seed) => createRandom(seed).uint32()));
  assert.ok(firsts.size >= seeds.length - 1, `${firsts.size} of ${seeds.length}`);
});

test('is even in its first draw over neighbouring seeds', () => {
  const counts = new Array<number>(10).fill(0);
  for (const seed of seeds) {
    const drawn = createRandom(seed).below(10);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  // 1000 each, within five standard deviations.
  for (const count of counts) assert.ok(Math.abs(count - 1000) < 150, String(counts));
});

test('is even in the bits of one stream', () => {
  const random = createRandom(1);
  const counts = new Array<number>(32).fill(0);
  for (const _ of seeds) {
    const drawn = random.uint32();
    for (const [bit, count] of counts.entries()) counts[bit] = count + ((drawn >>> bit) & 1);
  }
  for (const count of counts) assert.ok(Math.abs(count - 5000) < 250, String(counts));
});

test('shuffles without losing one', () => {
  const list = seeds.slice(0, 50);
  const shuffled = createRandom(3).shuffle(list);
  assert.not.equal(shuffled, list);
  assert.equal(
    [...shuffled].sort((one, two) => one - two),
    list,
  );
});

test.run();
