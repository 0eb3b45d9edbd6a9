// Detects a node on this device or in this vehicle. A call to it costs no mobile data, so a retry
// may come sooner.
import {
  localOutageDelayMsMax,
  localOutageFailures,
  localReconnectDelayMsMax,
  reconnectDelayMsMax,
} from '../../limits.ts';

/** Loopback, private and link-local addresses. */
const localHost = new RegExp(
  [
    String.raw`^(localhost|127(\.\d+){3}|10(\.\d+){3}|192\.168(\.\d+){2}|169\.254(\.\d+){2}`,
    String.raw`172\.(1[6-9]|2\d|3[01])(\.\d+){2}|\[(::1|fe[89ab].*|f[cd].*)\])$`,
  ].join('|'),
);

/** Returns true if the node is on this device or in this vehicle. */
export function isLocalNode(url: string): boolean {
  return URL.canParse(url) && localHost.test(new URL(url).hostname.toLowerCase());
}

/**
 * Returns the longest delay before the next attempt to reach the node. A local node that fails for
 * some ten minutes does not just restart, so the device may sleep longer.
 */
export function reconnectDelayMsMaxOf(url: string, failures: number): number {
  if (!isLocalNode(url)) return reconnectDelayMsMax;
  return failures < localOutageFailures ? localReconnectDelayMsMax : localOutageDelayMsMax;
}
