// Tests when a WebSocket connection is pinged, and when it counts as dead, with a fake clock.
import { localPingEveryMs, localProbeAfterMs } from '../../../../../src/limits.ts';
import { pingAnswerMs, pingEveryMs } from '../../../../../src/limits.ts';
import { startHeartbeat } from '../../../../../src/backends/rvi/transport/websocket-heartbeat.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';

const test = suite('the heartbeat of a connection');

/** `isAnswered`: each ping is answered, at once. */
function start(isLocal: boolean, isAnswered = true) {
  const clock = createFakeClock();
  const seen = { pings: 0, alive: 0, dead: 0, wakeUps: 0, probeMs: 0, isPaused: false };
  const raw = {
    bytesRead: 0,
    setKeepAlive: (_: boolean, delayMs: number) => void (seen.probeMs = delayMs),
  };
  const heartbeat = startHeartbeat({
    after: (delayMs, act) =>
      clock.after(delayMs, () => {
        seen.wakeUps += 1;
        act();
      }),
    raw,
    isLocal,
    ping: () => {
      seen.pings += 1;
      if (isAnswered) raw.bytesRead += 2;
    },
    isPaused: () => seen.isPaused,
    onAlive: () => void (seen.alive += 1),
    onDead: () => void (seen.dead += 1),
  });
  return { clock, seen, raw, heartbeat };
}

test('lets the kernel probe only where the node is near: another may be off for a while', () => {
  assert.is(start(true).seen.probeMs, localProbeAfterMs);
  assert.is(start(false).seen.probeMs, 0);
});

test('pings a remote node at least once a minute: gateways close a quiet connection', async () => {
  const { clock, seen, heartbeat } = start(false);
  await clock.advance(3_600_000);
  assert.ok(seen.pings >= 3_600_000 / (pingEveryMs + pingAnswerMs), `${seen.pings} pings`);
  assert.is(seen.dead, 0);
  heartbeat.stop();
  assert.is(clock.waiting(), 0);
});

test('wakes up for a node in the vehicle less than every two minutes', async () => {
  const { clock, seen } = start(true);
  await clock.advance(3_600_000);
  assert.ok(seen.wakeUps <= 30, `${seen.wakeUps} wake-ups an hour`);
  assert.is(seen.dead, 0);
});

for (const isLocal of [true, false]) {
  const everyMs = isLocal ? localPingEveryMs : pingEveryMs;
  test(`finds a dead ${isLocal ? 'near' : 'remote'} node after two intervals, a ping`, async () => {
    const { clock, seen, raw } = start(isLocal, false);
    raw.bytesRead += 1;
    await clock.advance(pingAnswerMs);
    assert.is(seen.alive, 1);
    raw.bytesRead += 1;
    await clock.advance(2 * everyMs + pingAnswerMs - 1);
    assert.is(seen.dead, 0);
    await clock.advance(1);
    assert.is(seen.dead, 1);
    await clock.advance(everyMs);
    assert.equal([seen.dead, seen.pings], [1, 1]);
  });
}

test('pings at once if a call got no answer, and only once until the answer', async () => {
  const { clock, seen, heartbeat } = start(true, false);
  heartbeat.doubt();
  await clock.advance(pingAnswerMs - 1);
  heartbeat.doubt();
  assert.equal([seen.pings, seen.dead], [1, 0]);
  await clock.advance(1);
  assert.equal([seen.pings, seen.dead], [1, 1]);
});

test('excuses a silence while nothing is read', async () => {
  const { clock, seen } = start(true, false);
  seen.isPaused = true;
  await clock.advance(10 * pingAnswerMs);
  assert.is(seen.dead, 0);
  seen.isPaused = false;
  await clock.advance(2 * pingAnswerMs);
  assert.is(seen.dead, 1);
});

test.run();
