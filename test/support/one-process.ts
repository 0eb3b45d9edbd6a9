// Runs many bundled test files in this process, one after the other. Pure suites use it, because a
// process for each would be most of their cost. test/run.mjs starts it and reads the marks.
//
//   node one-process.mjs MARK BUNDLE ...
//
// It prints `MARK begin N` before the output of each file, and `MARK end N ok|failed MS` after it.
// If a file hangs or prints nothing, this process ends; test/run.mjs starts another for the files
// after it.
import process from 'node:process';
import { pause } from './idle.ts';
import { forbidOutside } from './pure.ts';

/** The resources that a file leaves open must close within this time after its last test. */
const closeMsMax = 10_000;
const [mark = '', ...bundles] = process.argv.slice(2);

Reflect.set(globalThis, 'UVU_DEFER', true);
const { exec } = await import('uvu');
const { takeIsGood } = await import('./suite.ts');
forbidOutside();
// One stream keeps the order of what uvu and the suites print.
process.stderr.write = process.stdout.write.bind(process.stdout);

let isFailed = false;
let running: number | undefined;
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    isFailed = true;
    console.error(`FAIL  ${event}`, error);
  });
}
process.on('exit', () => {
  if (running === undefined) return;
  console.error('FAIL  a test never ended: it waits, and nothing is left to wait for');
  process.exitCode = 1;
});

let isAllGood = true;
for (const [at, bundle] of bundles.entries()) {
  const startedMs = performance.now();
  running = at;
  process.stdout.write(`\n${mark} begin ${at}\n`);
  isFailed = false;
  try {
    const before = open().length;
    Reflect.set(globalThis, 'UVU_QUEUE', [[null]]);
    await import(bundle);
    await exec();
    await closed(before);
  } catch (error) {
    isFailed = true;
    console.error('FAIL ', error);
  }
  const isGood = takeIsGood() && process.exitCode !== 1 && !isFailed;
  process.exitCode = 0;
  isAllGood &&= isGood;
  const ms = Math.round(performance.now() - startedMs);
  process.stdout.write(`\n${mark} end ${at} ${isGood ? 'ok' : 'failed'} ${ms}\n`);
}
running = undefined;
process.exit(isAllGood ? 0 : 1);

/** Resources that keep this process running: timers, sockets. File requests end by themselves. */
function open(): readonly string[] {
  return process.getActiveResourcesInfo().filter((kind) => !/Pipe|TTY|Req/.test(kind));
}

/** Fails if a file leaves more open than there was `before`. */
async function closed(before: number): Promise<void> {
  // An unhandled rejection is reported in the next turn.
  await new Promise(setImmediate);
  for (let waitedMs = 0; open().length > before; waitedMs += 10) {
    if (waitedMs > closeMsMax) throw new Error(`left open: ${open().join(', ')}`);
    await pause(10);
  }
}
