// Tests the expiry time of a message against the rules of a node (protocol 1.6, 1.7): one node has
// the clock of the agent, another node the right time.
import { leftMsOf } from '../../../../backend/node-calls.ts';
import { timeoutOf } from '../../../../../src/backends/rvi/codec/message-expiry.ts';
import { assert, suite } from '../../../../support/suite.ts';

const test = suite('the time limit of a message');
const builtMs = 1_700_000_000_000;
const rightMs = 1_800_000_000_000;

test('is whole unix seconds, or relative where no clock is to be believed', () => {
  assert.is(timeoutOf(1_800_000_000_999, builtMs, 90_000), 1_800_000_090);
  assert.is(timeoutOf(builtMs, builtMs, 90_000), 1_700_000_090);
  assert.is(timeoutOf(builtMs - 1, builtMs, 90_000), 90_000);
  assert.is(timeoutOf(0, builtMs, 90_000), 90_000);
  for (const wallMs of [0.5, builtMs + 0.7, 1_800_000_000_000.25]) {
    for (const lifeMs of [1, 90_000.5, 1_000]) {
      assert.ok(Number.isInteger(timeoutOf(wallMs, builtMs, lifeMs)));
    }
  }
});

test('a clock of the first days of 1970 makes none that is over, or too far, for any node', () => {
  for (let hour = 0; hour < 120; hour++) {
    for (const lifeMs of [1_000, 90_000, 7_200_000, 86_400_000]) {
      const wallMs = hour * 3_600_000;
      const timeout = timeoutOf(wallMs, builtMs, lifeMs);
      for (const nodeMs of [wallMs, wallMs + 999, rightMs]) {
        const leftMs = leftMsOf(timeout, nodeMs);
        const what = `${hour} h, ${lifeMs} ms: ${timeout}, ${leftMs} ms left`;
        assert.ok(leftMs > 0 && leftMs < 2 ** 32, what);
        // The time limit keeps its full length, unless it exceeds what the timers of the node
        // allow.
        assert.ok(leftMs >= Math.min(lifeMs, 4_200_000) - 1_000, what);
      }
    }
  }
});

test.run();
