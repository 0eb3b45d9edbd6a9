/**
 * Exponential back-off with full jitter: a fleet that lost the same server does not return as
 * one.
 */
export function backoffMs(attempt: number, minMs: number, maxMs: number, roll: number): number {
  const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  // Never below half the minimum, or a roll of zero would be a busy loop.
  return Math.max(minMs / 2, Math.floor(roll * ceilingMs));
}
