// Pauses: between two polls, while another process works, and before a retry.
import type { Clock } from '../host/ports.ts';

const pollMs = { min: 200, max: 3_000 };
const retryMs = { min: 100, max: 2_000 };
const triesMax = 8;

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}

/** Returns pauses that grow, because each poll costs the device something. */
export function growingPause(clock: Clock): () => Promise<void> {
  let delayMs = pollMs.min;
  return () => {
    const paused = sleep(clock, delayMs);
    delayMs = Math.min(delayMs * 1.5, pollMs.max);
    return paused;
  };
}

/** Acts again while `isTransient` returns true for the result, for some ten seconds. */
export async function withRetries<T>(
  clock: Clock,
  act: () => Promise<T>,
  isTransient: (result: T) => boolean,
): Promise<T> {
  let result = await act();
  for (let tries = 1; isTransient(result) && tries < triesMax; tries++) {
    await sleep(clock, Math.min(retryMs.min * 2 ** tries, retryMs.max));
    result = await act();
  }
  return result;
}
