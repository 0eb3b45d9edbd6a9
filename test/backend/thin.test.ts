// Tests which messages `make backend` prints: passes the chunks of a session one by one.
import { createThinning } from './thin.ts';
import { assert, suite } from '../support/suite.ts';
import type { SeenMessage } from './seen.ts';
import type { Thinning } from './thin.ts';

const test = suite('thinning');

const chunk = (index: number): SeenMessage => ({
  atMs: 0,
  direction: 'out',
  service: '/sota/chunk',
  parameters: { index },
});
const ack = (chunks: string): SeenMessage => ({
  atMs: 0,
  direction: 'in',
  service: '/sota/ack',
  parameters: { chunks },
});

function shownOf(thinning: Thinning, first: number, last: number): readonly number[] {
  const all = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  return all.filter((index) => thinning.isShown(chunk(index)));
}

test('shows the first two, one of each tenth, and the last', () => {
  const shown = shownOf(createThinning(205, 10), 1, 205);
  assert.equal(shown, [1, 2, 21, 41, 62, 82, 103, 123, 144, 164, 185, 205]);
});

test('shows all of a small package', () => {
  assert.equal(shownOf(createThinning(8, 10), 1, 8), [1, 2, 3, 4, 5, 6, 7, 8]);
});

test('shows the first ones again after a restart', () => {
  const thinning = createThinning(1_000, 1);
  assert.equal(shownOf(thinning, 1, 500), [1, 2]);
  thinning.beginAnew();
  assert.equal(shownOf(thinning, 501, 1_000), [501, 502, 1_000]);
});

test('knows an ack by the last chunk that it lists', () => {
  const thinning = createThinning(100, 1);
  const lists = ['', '1', '1-2', '1-2,4', '1-99', '1-100'];
  assert.equal(
    lists.map((list) => thinning.isShown(ack(list))),
    [...[true, true, false, false, false, true]],
  );
});

test('shows what the server ignored, and all that is no chunk and no ack', () => {
  const thinning = createThinning(1_000, 1);
  shownOf(thinning, 1, 10);
  for (const list of ['1', '1-2', '1-3']) thinning.isShown(ack(list));
  assert.ok(thinning.isShown({ ...ack('1-4'), ignored: 'it is finished' }));
  assert.ok(thinning.isShown({ ...chunk(11), service: '/sota/finish' }));
});

test.run();
