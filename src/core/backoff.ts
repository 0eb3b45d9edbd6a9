// How long to wait before a retry, and whether the wall clock was set meanwhile.
import { clockStepMsMin } from '../limits.ts';

/**
 * Exponential back-off with full jitter: a fleet that lost the same server does not return as
 * one.
 */
export function backoffMs(attempt: number, minMs: number, maxMs: number, random: number): number {
  const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  // Never below half the minimum, or a random of zero would be a busy loop.
  return Math.max(minMs / 2, Math.floor(random * ceilingMs));
}

/** Both clocks at one instant. */
export type Instant = { readonly nowMs: number; readonly wallMs: number };

/** The wall clock moved by more than time passed. */
export function hasStepped(before: Instant, after: Instant): boolean {
  const driftMs = after.wallMs - before.wallMs - (after.nowMs - before.nowMs);
  return Math.abs(driftMs) > clockStepMsMin;
}
