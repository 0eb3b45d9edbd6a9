// Tests the limits of idle time with real processes that sleep, work, and wait for a CPU: a limit
// must end only a wait for a process that sleeps.
import { spawn } from 'node:child_process';
import process from 'node:process';
import { afterIdle, until, within } from '../../support/idle.ts';
import { assert, suite } from '../../support/suite.ts';
import type { ChildProcess } from 'node:child_process';

const test = suite('idle time');
let children: ChildProcess[] = [];
test.afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
});

function run(script: string, launcher: readonly string[] = []): Promise<unknown> {
  const [program = '', ...args] = [...launcher, process.execPath, '-e', script];
  const child = spawn(program, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
  children.push(child);
  return new Promise((done) => child.on('exit', done));
}

const asleep = 'setInterval(() => {}, 1e6)';
const busy = 'for (;;);';
/** A fixed amount of CPU time, on any machine. */
const work = (cpuMs: number) => `while (process.cpuUsage().user < ${cpuMs * 1_000});`;
const fails = (waiting: Promise<unknown>) =>
  waiting.then(
    () => 'no failure',
    (error: unknown) => String(error),
  );

test('a wait for something that never comes ends, and names it', async () => {
  const ended = run(asleep);
  assert.match(await fails(within('its end', ended, 2_000)), 'nothing moved for 2000 ms: its end');
  assert.match(await fails(until('it', () => false, 2_000)), 'nothing moved for 2000 ms: it');
});

test('a wait for a process that works goes on, also if others take its CPU', async () => {
  // With a low priority the process is always ready, but rarely runs.
  for (let count = 0; count < 2; count += 1) void run(busy);
  await within('its end', run(work(600), ['nice', '-n', '5']), 2_000);
});

test('a busy loop ends by its CPU time', async () => {
  const ended = run(busy);
  assert.match(await fails(within('its end', ended, 100)), 'nothing moved for 100 ms');
});

test('a limit acts once, and not if it was cancelled', async () => {
  let count = 0;
  afterIdle(1_000, () => (count += 1));
  const cancel = afterIdle(1_000, () => (count += 10));
  cancel();
  await until('it', () => count > 0, 30_000);
  assert.is(count, 1);
});

test.run();
