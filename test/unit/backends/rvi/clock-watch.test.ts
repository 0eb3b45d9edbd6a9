// Tests the detection of clock changes with a manual monotonic clock and a wall clock that the test
// sets.
import { createClockWatch } from '../../../../src/backends/rvi/clock-watch.ts';
import { clockCheckEveryMsMax, clockCheckEveryMsMin } from '../../../../src/limits.ts';
import { assert, suite } from '../../../support/suite.ts';
import { createFakeClock } from '../../../support/control.ts';

const test = suite('the watch for a clock that is set');

function setUp() {
  const clock = createFakeClock();
  let aheadMs = 0;
  let isWaiting = true;
  let steps = 0;
  let looks = 0;
  const wallMs = () => {
    looks += 1;
    return clock.wallMs() + aheadMs;
  };
  const moved = { ...clock, wallMs };
  const watch = createClockWatch(
    moved,
    () => isWaiting,
    () => void (steps += 1),
  );
  return {
    clock,
    watch,
    set: (ms: number) => void (aheadMs += ms),
    end: () => void (isWaiting = false),
    steps: () => steps,
    looks: () => looks,
  };
}

test('tells once that the clock was set, forwards or backwards', async () => {
  for (const ms of [61_000, 1_700_000_000_000, -61_000]) {
    const one = setUp();
    one.watch.start();
    one.watch.start();
    await one.clock.advance(10 * clockCheckEveryMsMax);
    assert.is(one.steps(), 0);
    one.set(ms);
    await one.clock.advance(clockCheckEveryMsMax);
    assert.is(one.steps(), 1);
    assert.is(one.clock.waiting(), 0, 'it is over');
  }
});

test('looks soon at first, when clocks are set after a boot, and then less often', async () => {
  const one = setUp();
  one.watch.start();
  await one.clock.advance(clockCheckEveryMsMin - 1);
  one.set(61_000);
  await one.clock.advance(1);
  assert.is(one.steps(), 1);
  const other = setUp();
  other.watch.start();
  await other.clock.advance(86_400_000 - 1);
  assert.ok(other.looks() <= 2 * 1_450, `the clock was read ${other.looks()} times in a day`);
});

test('takes no drift for a step, also not a slow one of hours', async () => {
  const one = setUp();
  one.watch.start();
  one.set(59_000);
  await one.clock.advance(clockCheckEveryMsMin);
  assert.is(one.steps(), 0);
});

test('is quiet as soon as nothing waits, and ends with the agent', async () => {
  const one = setUp();
  assert.is(one.clock.waiting(), 0);
  one.watch.start();
  one.end();
  one.set(3_600_000);
  await one.clock.advance(clockCheckEveryMsMin);
  assert.equal([one.steps(), one.clock.waiting()], [0, 0]);
  one.watch.start();
  one.watch.stop();
  assert.is(one.clock.waiting(), 0);
});

test.run();
