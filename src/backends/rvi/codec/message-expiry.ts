// When a node drops a message that it cannot deliver yet (protocol 1.6): an integer, in Unix
// seconds. A node reads a value more than a day in the past as milliseconds from its own time. A
// time in the past, or beyond the range of the node's timers, crashes 0.4, which loses the
// registrations (1.7).

const daySeconds = 86_400;
/** `erlang:send_after` accepts 2^32 - 1 ms; the margin covers the delay to the node. */
const timerSecondsMax = 4_294_900;

export function timeoutOf(wallMs: number, builtMs: number, lifeMs: number): number {
  const wallSeconds = Math.floor(wallMs / 1_000);
  const absolute = wallSeconds + Math.ceil(lifeMs / 1_000);
  return wallMs < builtMs ? inDoubt(wallSeconds, absolute, Math.ceil(lifeMs)) : absolute;
}

/**
 * The clock of this device is wrong. A node with a correct clock reads milliseconds. A node with
 * the same wrong clock may read them as seconds, so the value must be valid in both units.
 */
function inDoubt(wallSeconds: number, absolute: number, relativeMs: number): number {
  if (wallSeconds - relativeMs > daySeconds) return relativeMs;
  return Math.min(Math.max(relativeMs, absolute), wallSeconds + timerSecondsMax);
}
