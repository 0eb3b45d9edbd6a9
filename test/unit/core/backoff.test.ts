// Tests the bounds of the random delay for every attempt.
import { backoffMs } from '../../../src/core/backoff.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('retry');

test('doubles its ceiling up to the bound, and spreads the whole way below it', () => {
  const almostOne = 1 - 2 ** -32;
  const ceilings = [0, 1, 2, 3, 4].map((attempt) => backoffMs(attempt, 1_000, 5_000, almostOne));
  assert.equal(ceilings, [999, 1_999, 3_999, 4_999, 4_999]);
  assert.is(backoffMs(2, 1_000, 5_000, 0.5), 2_000);
});

test('is never a busy loop, whatever the dice say', () => {
  for (let attempt = 0; attempt < 2_000; attempt++) {
    assert.is(backoffMs(attempt, 1_000, 5_000, 0), 500);
    assert.ok(backoffMs(attempt, 1_000, 5_000, 0.999) < 5_000);
  }
});

test.run();
