// The clocks, timers and random numbers of the machine.
import { openSync, readSync } from 'node:fs';
import process from 'node:process';
import { codedError } from './errors.ts';
import type { Clock, DiskResult, Random } from './ports.ts';

/** Node fires timers with longer delays at once. */
const timerMsMax = 2 ** 31 - 1;

export function createClock(): Clock {
  // `performance` would load a module of 0.2 MiB.
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
      // Node's timers use a cached time in whole milliseconds, so they may fire early.
      const check = () => (nowMs() < dueMs ? wait() : act());
      wait();
      return () => clearTimeout(timer);
    },
  };
}

/**
 * Uses the kernel's generator: a device restored from a memory image must not repeat its jitter.
 * The file is opened once, so that reads succeed even if no descriptor is free.
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
