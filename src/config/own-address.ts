// Checks that `rvi.url` is not the listener of the agent: the agent would send every message to
// itself, and report the answers as errors of the node.
import { hostOf, isLoopback, networkUrlOf, portOf, protocolOf } from './addresses.ts';
import { error } from './findings.ts';
import type { Settings } from '../settings.ts';
import type { Finding } from './findings.ts';

type Rvi = Settings['rvi'];

/**
 * Checks an http or https `rvi.url`; with other URLs the agent does not listen. `ownHosts` returns
 * the names and addresses of this device; it is called only if `rvi.listen` is a wildcard.
 */
export function ownAddress(
  { rvi }: Settings,
  ownHosts: () => readonly string[] = () => [],
): readonly Finding[] {
  if (!/^https?:$/.test(protocolOf(rvi.url))) return [];
  const isOwn = (host: string) => ownHosts().map(plainHost).includes(host);

  const { proxy } = rvi;
  const found: Finding[] = [];
  const nodePort = portOf(rvi.url);
  // If the proxy is on another device, loopback means that device.
  const isDirect = proxy === undefined || isThisDevice(proxy.host);
  const own = isDirect ? ownKey(rvi, isOwn, hostOf(rvi.url), nodePort) : undefined;
  if (own !== undefined) {
    const hint = `write the address of the node, or another port in ${own.key}`;
    found.push(error('rvi.url', `is ${rvi.url}, the agent's own ${own.key} (${own.text})`, hint));
  }
  if (proxy === undefined) return found;
  const atProxy = ownKey(rvi, isOwn, proxy.host, proxy.port);
  if (atProxy !== undefined) {
    const problem = `is at port ${proxy.port}, the agent's own ${atProxy.key} (${atProxy.text})`;
    found.push(error('rvi.proxy', problem, 'write the address of the proxy'));
  }
  return found;
}

type Own = { readonly key: string; readonly text: string };

/** Returns the key of the agent with the same address; port 0 is any free port. */
function ownKey(
  { listen, networkAddress }: Rvi,
  isOwn: (host: string) => boolean,
  rawHost: string,
  port: number,
): Own | undefined {
  const host = plainHost(rawHost);
  if (listen.port === port && isReached(host, plainHost(listen.host), isOwn)) {
    const name = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
    return { key: 'rvi.listen', text: `${name}:${listen.port}` };
  }
  if (networkAddress === undefined) return undefined;
  const url = networkUrlOf(networkAddress);
  const own = plainHost(hostOf(url));
  // The node may be in another network namespace, with a loopback of its own.
  if (own !== host || isThisDevice(own)) return undefined;
  const isOnItsPort = portOf(url) === port;
  const isWildcard = listen.port === port && anyAddress.includes(plainHost(listen.host));
  return isOnItsPort || isWildcard
    ? { key: isOnItsPort ? 'rvi.network_address' : 'rvi.listen', text: networkAddress }
    : undefined;
}

const anyAddress = ['0.0.0.0', '::'];

/** Returns true if a connection to `host` reaches a listener at `listener`, at the same port. */
function isReached(host: string, listener: string, isOwn: (host: string) => boolean): boolean {
  if (host === listener || (anyAddress.includes(listener) && isOwn(host))) return true;
  // At `::`, Linux accepts IPv4 as well.
  if (listener === '::') return isThisDevice(host);
  if (listener === '0.0.0.0') return isThisDevice(host) && host !== '::1' && host !== '::';
  const [ends, starts] = [loopbacksOf(listener), loopbacksOf(host)];
  return ends.some((one) => starts.includes(one));
}

/** Returns the loopback addresses of `host`; for a wildcard, Linux connects to itself. */
function loopbacksOf(host: string): readonly string[] {
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  if (host === '0.0.0.0') return ['127.0.0.1'];
  if (host === '::') return ['::1'];
  return isLoopback(host) ? [host] : [];
}

const isThisDevice = (host: string) => loopbacksOf(plainHost(host)).length > 0;

/** Normalizes a host: `127.1`, `LOCALHOST.`, `[0::1]` and `[::ffff:127.0.0.1]` have variants. */
function plainHost(host: string): string {
  const bare = host.replace(/^\[|\]$/g, '');
  const isV6 = bare.includes(':');
  const read = hostOf(`http://${isV6 ? `[${bare}]` : bare}`);
  const name = (read === '' ? bare : read).replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const [, high = '', low = ''] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(name) ?? [];
  if (high === '') return name;
  const bits = [high, low].map((part) => parseInt(part, 16));
  return bits.flatMap((part) => [part >> 8, part & 255]).join('.');
}
