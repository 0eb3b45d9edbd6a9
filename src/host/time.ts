// The clocks, timers and dice of the machine.
import { openSync, readSync } from 'node:fs';
import process from 'node:process';
import { codedError } from './errors.ts';
import type { Clock, DiskResult, Random } from './ports.ts';

/** Longer delays fire at once in Node. */
const timerMsMax = 2 ** 31 - 1;

export function createClock(): Clock {
  // `performance` would load what measures it, 0.2 MiB.
  const nowMs = () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  };
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

/**
 * Of the kernel: a device whose memory was restored from a picture must not repeat its jitter.
 * Opened once, since it is asked at every event, also where no descriptor is left.
 */
export function openRandom(path = '/dev/urandom'): DiskResult<Random> {
  try {
    const file = openSync(path, 'r');
    const bytes = Buffer.alloc(6);
    const unit = () => {
      readSync(file, bytes);
      return bytes.readUIntBE(0, 6) / 2 ** 48;
    };
    return { ok: true, value: { unit } };
  } catch (error) {
    const { code, message } = codedError(error);
    const reason = `${path} cannot be opened (${message}): the agent needs it for random delays`;
    return { ok: false, code, reason };
  }
}
