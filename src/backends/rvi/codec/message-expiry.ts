// When a node forgets a message that it cannot deliver yet (protocol 1.6): an integer, unix
// seconds; what lies more than a day back is taken as milliseconds from now. One that is over
// already, or further away than the node's timers reach, crashes 0.4, registrations and all (1.7).

const daySeconds = 86_400;
/** `erlang:send_after` takes 2^32 - 1 ms; the rest is for the way to the node. */
const timerSecondsMax = 4_294_900;

export function timeoutOf(wallMs: number, builtMs: number, lifeMs: number): number {
  const wallSeconds = Math.floor(wallMs / 1_000);
  const absolute = wallSeconds + Math.ceil(lifeMs / 1_000);
  return wallMs < builtMs ? inDoubt(wallSeconds, absolute, Math.ceil(lifeMs)) : absolute;
}

/**
 * The clock cannot be right. A node with a right one takes the milliseconds as they are; one that
 * shares ours may read them as seconds, and those must do no harm either.
 */
function inDoubt(wallSeconds: number, absolute: number, relativeMs: number): number {
  if (wallSeconds - relativeMs > daySeconds) return relativeMs;
  return Math.min(Math.max(relativeMs, absolute), wallSeconds + timerSecondsMax);
}
