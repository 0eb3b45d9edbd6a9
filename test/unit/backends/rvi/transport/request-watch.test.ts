// Tests the time limit of requests at the listener with a fake clock: which connections end, when,
// and how seldom the device wakes up for it.
import { restingCheckEveryMs } from '../../../../../src/limits.ts';
import { createRequestWatch } from '../../../../../src/backends/rvi/transport/request-watch.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';

const test = suite('the time limit of requests');
const limitMs = 20_000;

function create() {
  const clock = createFakeClock();
  let timers = 0;
  const counting = {
    ...clock,
    after: (delayMs: number, act: () => void) => {
      timers += 1;
      return clock.after(delayMs, act);
    },
  };
  const late: string[] = [];
  const watch = createRequestWatch<Peer>(counting, limitMs, ({ name }) => late.push(name));
  return { clock, watch, late, timers: () => timers };
}

type Peer = {
  readonly name: string;
  bytesRead: number;
  on(event: 'close', act: () => void): void;
  close(): void;
};

function peer(name: string): Peer {
  let close: () => void = () => undefined;
  return { name, bytesRead: 0, on: (_, act) => void (close = act), close: () => close() };
}

test('needs no timer without a connection', async () => {
  const { clock, watch } = create();
  assert.is(clock.waiting(), 0);
  const one = peer('one');
  watch.opened(one);
  assert.is(clock.waiting(), 1);
  one.close();
  assert.is(clock.waiting(), 0);
});

test('ends a new connection without a request, or with half of one', async () => {
  const { clock, watch, late } = create();
  const [silent, half] = [peer('silent'), peer('half')];
  watch.opened(silent);
  watch.opened(half);
  half.bytesRead = 10;
  await clock.advance(limitMs - 1);
  assert.equal(late, []);
  await clock.advance(1);
  assert.equal(late, ['silent', 'half']);
});

test('ends it in time, however many others arrive', async () => {
  const { clock, watch, late } = create();
  watch.opened(peer('slow'));
  for (let passedMs = 0; passedMs < limitMs + 5_000; passedMs += 1_000) {
    await clock.advance(1_000);
    watch.opened(peer('another'));
  }
  assert.is(late[0], 'slow');
});

test('ends a connection whose next request stays incomplete: a body, or a head', async () => {
  const { clock, watch, late } = create();
  const [body, head] = [peer('body'), peer('head')];
  for (const one of [body, head]) {
    watch.opened(one);
    one.bytesRead = 100;
    watch.begun(one);
    watch.ended(one);
  }
  await clock.advance(restingCheckEveryMs);
  assert.equal(late, []);
  body.bytesRead = 150;
  watch.begun(body);
  head.bytesRead = 110;
  await clock.advance(limitMs - 1);
  assert.equal(late, []);
  await clock.advance(1);
  assert.equal(late, ['body']);
  await clock.advance(limitMs / 4);
  assert.equal(late, ['body', 'head']);
});

test('leaves a connection alone that is always in some request, each of them short', async () => {
  const { clock, watch, late } = create();
  const busy = peer('busy');
  watch.opened(busy);
  for (let passedMs = 0; passedMs < 10 * limitMs; passedMs += 1_000) {
    busy.bytesRead += 10;
    watch.begun(busy);
    await clock.advance(1_000);
    watch.ended(busy);
  }
  assert.equal(late, []);
});

test('wakes up seldom while a connection rests, with few timers for many requests', async () => {
  const { clock, watch, late, timers } = create();
  const one = peer('one');
  watch.opened(one);
  for (let count = 1; count <= 1_000; count += 1) {
    one.bytesRead += 100;
    watch.begun(one);
    watch.ended(one);
  }
  assert.is(timers(), 1);
  await clock.advance(limitMs / 4);
  const before = timers();
  await clock.advance(3_600_000);
  assert.ok(timers() - before <= 3_600_000 / restingCheckEveryMs, `${timers() - before} timers`);
  assert.equal(late, []);
});

test.run();
