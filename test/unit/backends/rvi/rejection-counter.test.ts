// Tests the counter of rejected requests with a burst of rejections and a manual clock.
import { createRefusals } from '../../../../src/backends/rvi/rejection-counter.ts';
import { refusalsEveryMs } from '../../../../src/limits.ts';
import { assert, suite } from '../../../support/suite.ts';
import { createFakeClock } from '../../../support/control.ts';
import type { Event } from '../../../../src/agent/backend.ts';

const test = suite('refusals');

function setUp() {
  const clock = createFakeClock();
  const events: Event[] = [];
  return { clock, events, ...createRefusals(clock, (event) => void events.push(event)) };
}

test('those of a moment are one event', async () => {
  const { clock, events, add } = setUp();
  for (let count = 0; count < 1_000; count += 1) add();
  assert.equal(events, []);
  await clock.advance(refusalsEveryMs);
  assert.equal(events, [{ kind: 'refused', count: 1_000 }]);
  assert.is(clock.waiting(), 0);
  add();
  await clock.advance(refusalsEveryMs);
  assert.equal(events[1], { kind: 'refused', count: 1 });
});

test('no timer is left at the end', async () => {
  const { clock, events, add, stop } = setUp();
  add();
  stop();
  add();
  assert.is(clock.waiting(), 0);
  await clock.advance(10 * refusalsEveryMs);
  assert.equal(events, []);
});

test.run();
