// Tests the real clock for a few milliseconds. For delays beyond the limit of Node's timers it only
// checks that they do not fire at once.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import process from 'node:process';
import { createClock, openRandom } from '../../../src/host/time.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('time');

const fired = (delayMs: number) =>
  new Promise<number>((resolve) => {
    const clock = createClock();
    const startMs = clock.nowMs();
    clock.after(delayMs, () => resolve(clock.nowMs() - startMs));
  });

test('never fires early', async () => {
  const delays = [0, 0.3, 1, 1.7, 5, 12.5];
  const took = await Promise.all(
    delays.flatMap((ms) => Array.from({ length: 20 }, () => fired(ms))),
  );
  for (const [index, ms] of took.entries()) {
    assert.ok(ms >= (delays[Math.floor(index / 20)] ?? 0), `${ms}`);
  }
});

test('takes a delay that is over already', async () => {
  assert.ok((await fired(-1_000)) >= 0);
});

test('does not fire when it was cancelled', async () => {
  const clock = createClock();
  let count = 0;
  const cancel = clock.after(1, () => (count += 1));
  cancel();
  cancel();
  await fired(10);
  assert.is(count, 0);
});

test('waits for delays that no timer of Node takes', async () => {
  const clock = createClock();
  let count = 0;
  const cancels = [2 ** 31, 2 ** 40, Infinity].map((ms) => clock.after(ms, () => (count += 1)));
  await fired(10);
  assert.is(count, 0);
  for (const cancel of cancels) cancel();
});

test('has a monotonic clock and a wall clock', () => {
  const clock = createClock();
  const first = clock.nowMs();
  assert.ok(clock.nowMs() >= first);
  assert.ok(Math.abs(clock.wallMs() - Date.now()) < 1_000);
});

function dice(path?: string) {
  const opened = openRandom(path);
  if (!opened.ok) throw new Error(opened.reason);
  return opened.value;
}

test('says what is missing where there are no dice', () => {
  const opened = openRandom('/nowhere/urandom');
  assert.is(opened.ok ? '' : opened.code, 'ENOENT');
  assert.match(opened.ok ? '' : opened.reason, /^\/nowhere\/urandom cannot be opened \(ENOENT/);
});

test('throws even dice', () => {
  const random = dice();
  const throws = Array.from({ length: 10_000 }, () => random.unit());
  assert.ok(throws.every((one) => one >= 0 && one < 1));
  assert.is(new Set(throws).size, throws.length);
  const mean = throws.reduce((sum, one) => sum + one, 0) / throws.length;
  assert.ok(Math.abs(mean - 0.5) < 0.02, `${mean}`);
});

test('throws dice where no descriptor is left', async () => {
  const random = dice();
  const limit = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout.trim();
  const set = (softMax: string) => `prlimit --pid ${process.pid} --nofile=${softMax}:`;
  const sets = `${set('3')} && echo low && read _ && ${set(limit)}`;
  const child = spawn('sh', ['-c', sets], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  try {
    assert.throws(() => openSync('/dev/null', 'r'), /EMFILE/);
    assert.ok(random.unit() < 1);
  } finally {
    child.stdin.end('\n');
  }
  assert.equal(await exited, [0, null]);
});

test.run();
