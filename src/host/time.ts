// The clocks, timers and dice of the machine.
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Random } from './ports.ts';

/** Longer delays fire at once in Node. */
const timerMsMax = 2 ** 31 - 1;

export function createClock(): Clock {
  const nowMs = () => performance.now();
  return {
    nowMs,
    wallMs: () => Date.now(),
    after(delayMs, act) {
      const dueMs = nowMs() + delayMs;
      let timer: ReturnType<typeof setTimeout>;
      const wait = () => {
        const leftMs = Math.max(0, Math.ceil(dueMs - nowMs()));
        timer = setTimeout(check, Math.min(leftMs, timerMsMax));
      };
      // Node's timers count whole milliseconds of a cached time, so they may also be early.
      const check = () => (nowMs() < dueMs ? wait() : act());
      wait();
      return () => clearTimeout(timer);
    },
  };
}

/** Of the kernel: a device whose memory was restored from a picture must not repeat its jitter. */
export function createRandom(): Random {
  return { unit: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48 };
}
