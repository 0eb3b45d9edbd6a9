import { clockStepMsMin, localReconnectDelayMsMax, reconnectDelayMsMax } from '../limits.ts';

/**
 * Exponential back-off with full jitter: a fleet that lost the same server does not return as
 * one.
 */
export function backoffMs(attempt: number, minMs: number, maxMs: number, random: number): number {
  const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  // Never below half the minimum, or a random of zero would be a busy loop.
  return Math.max(minMs / 2, Math.floor(random * ceilingMs));
}

/** Addresses of this device, of a private network, and of a link. */
const localHost = new RegExp(
  [
    String.raw`^(localhost|127(\.\d+){3}|10(\.\d+){3}|192\.168(\.\d+){2}|169\.254(\.\d+){2}`,
    String.raw`172\.(1[6-9]|2\d|3[01])(\.\d+){2}|\[(::1|fe[89ab].*|f[cd].*)\])$`,
  ].join('|'),
);

/** A node on this device or in this vehicle: one more call costs the network nothing. */
export function isLocalNode(url: string): boolean {
  return URL.canParse(url) && localHost.test(new URL(url).hostname.toLowerCase());
}

/** Longest delay between two attempts to reach the node. */
export function reconnectDelayMsMaxOf(url: string): number {
  return isLocalNode(url) ? localReconnectDelayMsMax : reconnectDelayMsMax;
}

/** Both clocks at one instant. */
export type Instant = { readonly nowMs: number; readonly wallMs: number };

/** The wall clock moved by more than time passed. */
export function hasStepped(before: Instant, after: Instant): boolean {
  const driftMs = after.wallMs - before.wallMs - (after.nowMs - before.nowMs);
  return Math.abs(driftMs) > clockStepMsMin;
}
