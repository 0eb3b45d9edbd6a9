// Limits of waits. A limit counts only the time in which nothing moves: no process of the test used
// a CPU, waited for one, or waited for a disk. A slow or busy machine ends no wait.
import process from 'node:process';
import { createMeter } from './activity.ts';

/** The limit of a wait for something that never happens. */
export const idleMsMax = 120_000;

const periodMs = 1_000;
/** Ends a wait for processes that work endlessly. */
const cpuFactor = 20;

type Wait = {
  readonly limitMs: number;
  readonly act: () => void;
  /** Undefined in the first period, which is shorter. */
  idleMs: number | undefined;
  cpuMs: number;
};

const waits = new Set<Wait>();
let timer: NodeJS.Timeout | undefined;

/**
 * Like setTimeout, but counts only idle time of `root` and its descendants. Returns a function that
 * cancels it. It also acts after twenty times `limitMs` of CPU time, so that a busy loop ends.
 */
export function afterIdle(limitMs: number, act: () => void): () => void {
  const wait: Wait = { limitMs, act, idleMs: undefined, cpuMs: 0 };
  waits.add(wait);
  timer ??= startSamples();
  return () => remove(wait);
}

function remove(wait: Wait): void {
  waits.delete(wait);
  if (waits.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

function startSamples(): NodeJS.Timeout {
  const measure = createMeter(process.pid);
  return setInterval(() => {
    const { cpuMs, isBusy } = measure(periodMs);
    for (const wait of waits) {
      if (wait.idleMs === undefined) {
        wait.idleMs = 0;
        continue;
      }
      wait.cpuMs += cpuMs;
      // If this process was delayed itself, a period was longer; it counts as one.
      if (!isBusy) wait.idleMs += periodMs;
      if (wait.idleMs < wait.limitMs && wait.cpuMs < cpuFactor * wait.limitMs) continue;
      remove(wait);
      wait.act();
    }
  }, periodMs);
}

/** Waits until `holds`; fails if nothing moves for `limitMs` before. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = idleMsMax,
): Promise<void> {
  let isOver = false;
  const cancel = afterIdle(limitMs, () => (isOver = true));
  try {
    for (let turn = 0; !(await holds()); turn += 1) {
      if (isOver) throw new Error(`nothing moved for ${limitMs} ms: ${what}`);
      // Polls more rarely after two seconds, so that the polling itself is no activity.
      await pause(turn < 200 ? 10 : 100);
    }
  } finally {
    cancel();
  }
}

/** Returns the value of `act`; fails if nothing moves for `limitMs` before it is there. */
export async function within<T>(what: string, act: Promise<T>, limitMs = idleMsMax): Promise<T> {
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`nothing moved for ${limitMs} ms: ${what}`));
    cancel = afterIdle(limitMs, fail);
  });
  try {
    return await Promise.race([act, late]);
  } finally {
    cancel();
  }
}

export const pause = (delayMs: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, delayMs));
