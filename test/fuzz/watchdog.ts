// A loop that never ends cannot say so itself. A thread looks on, and when one input takes too long
// it says which, and ends the process.
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import type { Watch } from './campaign.ts';

/** The machine may be loaded; a message is read in less than a tenth of a second. */
const inputTimeMs = 60_000;

/** Seed and input, as two numbers of 32 bits; the thread can read them while we hang. */
export function createWatchdog(): Watch & { stop(): void } {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const script = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { writeSync } = require('node:fs');
    const { shared, timeMs, pid } = workerData;
    let last = '';
    setInterval(() => {
      const now = shared.join(' ');
      if (now === last) {
        const [seed, at] = shared;
        writeSync(2, 'one input took more than ' + timeMs + ' ms:\\nmake fuzz SEED=' + seed +
          ' INPUTS=' + (at + 1) + '\\n');
        process.kill(pid, 'SIGKILL');
      }
      last = now;
    }, timeMs);
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
