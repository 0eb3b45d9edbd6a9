// Detects a node on this device or in this vehicle. A call to it costs no mobile data, so a retry
// may come sooner.
import { localReconnectDelayMsMax, reconnectDelayMsMax } from '../../limits.ts';

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

/** Returns the longest delay between two attempts to reach the node. */
export function reconnectDelayMsMaxOf(url: string): number {
  return isLocalNode(url) ? localReconnectDelayMsMax : reconnectDelayMsMax;
}
