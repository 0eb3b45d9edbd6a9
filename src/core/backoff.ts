// Computes the delay before a retry, and detects steps of the wall clock.
import { clockStepMsMin } from '../limits.ts';

/**
 * Exponential back-off with full jitter. It spreads the reconnects of a fleet after a server
 * failure.
 */
export function backoffMs(attempt: number, minMs: number, maxMs: number, random: number): number {
  const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  // At least half the minimum, because a random value of 0 would cause a busy loop.
  return Math.max(minMs / 2, Math.floor(random * ceilingMs));
}

/** Both clocks at one instant. */
export type Instant = { readonly nowMs: number; readonly wallMs: number };

/** Returns true if the wall clock and the monotonic clock differ by more than the tolerance. */
export function hasStepped(before: Instant, after: Instant): boolean {
  const driftMs = after.wallMs - before.wallMs - (after.nowMs - before.nowMs);
  return Math.abs(driftMs) > clockStepMsMin;
}
