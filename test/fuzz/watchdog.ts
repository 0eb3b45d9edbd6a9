// A loop that never ends cannot report itself, so a thread watches the process. If one input takes
// too much CPU time, the thread prints this input and ends the process. An input that waits without
// a limit uses no CPU time: test/job.mjs ends it.
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import type { Watch } from './campaign.ts';

/** CPU time: it does not grow on a busy machine. A message takes less than a tenth of a second. */
const inputTimeMs = 60_000;

/** Seed and input, as two numbers of 32 bits. The thread can read them during an endless loop. */
export function createWatchdog(): Watch & { stop(): void } {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const script = `
    const { workerData } = require('node:worker_threads');
    const { writeSync } = require('node:fs');
    const { shared, timeMs, pid } = workerData;
    const cpuMs = () => process.cpuUsage().user / 1e3;
    let [last, sinceMs] = ['', 0];
    setInterval(() => {
      const now = shared.join(' ');
      if (now !== last) sinceMs = cpuMs();
      else if (cpuMs() - sinceMs > timeMs) {
        const [seed, at] = shared;
        writeSync(2, 'one input took more than ' + timeMs + ' ms of CPU time:\\n' +
          'make fuzz SEED=' + seed + ' INPUTS=' + (at + 1) + '\\n');
        process.kill(pid, 'SIGKILL');
      }
      last = now;
    }, 1_000);
  `;
  const workerData = { shared, timeMs: inputTimeMs, pid: process.pid };
  const worker = new Worker(script, { eval: true, workerData });
  worker.unref();
  return {
    at(seed, input) {
      shared[0] = seed;
      shared[1] = input;
    },
    stop: () => void worker.terminate(),
  };
}
