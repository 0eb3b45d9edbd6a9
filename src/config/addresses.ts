// Readers for where things are: URLs, host:port, paths. What would only fail later and elsewhere
// (a node that cannot reach us, a socket path cut short by the kernel) is refused here.
import { isIP } from 'node:net';
import { text, words } from './readers.ts';
import type { ProxyAddress } from '../core/settings.ts';
import type { Reader } from './readers.ts';

const control = /[\u0000-\u0020\u007f]/;

function urlOf(spelt: string): URL | undefined {
  if (control.test(spelt)) return undefined;
  try {
    return new URL(spelt);
  } catch {
    return undefined;
  }
}

function isUrl(spelt: string, protocols: readonly string[]): boolean {
  const url = urlOf(spelt);
  return url !== undefined && protocols.includes(url.protocol) && url.hostname !== '';
}

/** The protocol of a URL that was read before. */
export const protocolOf = (url: string) => urlOf(url)?.protocol ?? '';
export const hostOf = (url: string) => urlOf(url)?.hostname ?? '';

/** Returns the port of a URL that was read before, also if the URL leaves it to the protocol. */
export function portOf(url: string): number {
  const read = urlOf(url);
  if (read === undefined || read.port !== '') return Number(read?.port ?? 0);
  return ['https:', 'wss:'].includes(read.protocol) ? 443 : 80;
}

/** `rvi.network_address` may be host:port or a URL. */
export const networkUrlOf = (address: string) =>
  /^[a-z]+:\/\//.test(address) ? address : `http://${address}`;

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127\./.test(host);
}

export const nodeUrl: Reader<string> = text(
  'a URL of the RVI node such as "http://127.0.0.1:8901" (http, https, ws or wss)',
  (spelt) => {
    const url = urlOf(spelt);
    if (url === undefined || !isUrl(spelt, ['http:', 'https:', 'ws:', 'wss:'])) return false;
    // A WebSocket takes no fragment, and no node takes a user.
    return url.username === '' && url.password === '' && !spelt.includes('#') && hasPort(url);
  },
);

/** Nobody can be reached at port 0. */
const hasPort = ({ port }: URL) => port !== '0';

const hiddenPassword = '***';
const proxyWanted = 'a URL such as "http://user:password@proxy:3128" (http or https)';

/**
 * Read once, here: whatever is accepted can be used. User and password may be percent-encoded; a
 * `%` that two hexadecimal digits do not follow stands for itself.
 */
export const proxyUrl: Reader<ProxyAddress> = {
  read: (raw) => {
    const url = typeof raw === 'string' ? urlOf(raw) : undefined;
    const isHttp = url !== undefined && ['http:', 'https:'].includes(url.protocol);
    if (!isHttp || url.hostname === '' || !hasPort(url)) return { ok: false, wanted: proxyWanted };
    if (url.password === hiddenPassword) {
      const wanted = `the password itself, which "config" prints as ${hiddenPassword}`;
      return { ok: false, wanted };
    }
    const user = decoded(url.username);
    // The header ends the user at the first colon.
    if (user.includes(':')) return { ok: false, wanted: `${proxyWanted}, no ":" in the user` };
    const isSecure = url.protocol === 'https:';
    const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const hasUser = url.username !== '' || url.password !== '';
    const pair = Buffer.concat([user, Buffer.from(':'), decoded(url.password)]);
    const authorization = hasUser ? `Basic ${pair.toString('base64')}` : undefined;
    return { ok: true, value: { isSecure, host, port, authorization } };
  },
  fromText: (spelt) => spelt,
  shown: shownProxy,
};

/** Undefined: it may contain a password, and where is not known. */
function shownProxy(raw: unknown): unknown {
  if (typeof raw !== 'string') return typeof raw === 'object' ? undefined : raw;
  const isHostOnly = !raw.includes('@') && !/:(?!\/\/|\d*(?:[/?#]|$))/.test(raw);
  if (isHostOnly) return raw;
  const url = urlOf(raw);
  if (url === undefined || url.host === '' || /[@:]/.test(url.pathname + url.search + url.hash)) {
    return undefined;
  }
  if (url.password === '') return raw;
  url.password = hiddenPassword;
  return url.pathname === '/' && raw.at(-1) !== '/' ? url.href.replace(/\/$/, '') : url.href;
}

/** Bytes, as other character sets than UTF-8 may be meant. */
function decoded(spelt: string): Buffer {
  const parts = spelt.split(/(%[0-9A-Fa-f]{2})/);
  return Buffer.concat(
    parts.map((part) =>
      /^%[0-9A-Fa-f]{2}$/.test(part) ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part),
    ),
  );
}

/** A node cannot read IPv6 literals in it, and a wildcard leads it to itself (protocol 1.2). */
export const reachableAddress: Reader<string> = text(
  'host:port or an http URL at which the node reaches this device (no wildcard, IPv6 or query)',
  (spelt) => {
    const url = urlOf(networkUrlOf(spelt));
    if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return false;
    if (url.search !== '' || url.hash !== '') return false;
    return url.username === '' && /^[^[]/.test(url.hostname) && url.hostname !== '0.0.0.0';
  },
);

const pathBytesMax = 255;

/** What a URL keeps as it is: a node must send the same text that it was told. */
export const deliveryPath: Reader<string> = text(
  `"secret", or a path such as "/sota" of at most ${pathBytesMax} plain characters`,
  (spelt) => {
    if (spelt === 'secret' || spelt === '/') return true;
    const isPlain = /^(?:\/[\w.~!$&'()*+,;=:@-]+)+\/?$/.test(spelt);
    return isPlain && spelt.length <= pathBytesMax && !/\/\.{1,2}(?:\/|$)/.test(spelt);
  },
);

export type Address = { readonly host: string; readonly port: number };

const listenWanted = 'host:port such as "127.0.0.1:9080" or "[::1]:9080"';
const hostPort = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w-]+(?:\.[\w-]+)*\.?)):(\d+)$/;

export const listenAddress: Reader<Address> = {
  read: (raw) => {
    const [, v6, name, digits] = hostPort.exec(typeof raw === 'string' ? raw : '') ?? [];
    const host = v6 ?? name;
    const port = Number(digits);
    const isAddress = v6 === undefined || isIP(v6) === 6;
    if (host === undefined || !isAddress) return { ok: false, wanted: listenWanted };
    // 0: whichever is free; the node is told which one it became.
    if (port > 65_535) return { ok: false, wanted: 'a port from 0 to 65535' };
    return { ok: true, value: { host, port } };
  },
  fromText: (spelt) => spelt,
};

const samplePeers = '["127.0.0.1", "10.0.0.0/8"]';
const listOfPeers = words(samplePeers);

/** No names: what they mean would be decided elsewhere, and later. */
export const peers: Reader<readonly string[]> = {
  ...listOfPeers,
  read: (raw) => {
    const read = listOfPeers.read(raw);
    if (read.ok && read.value.every(isNetwork)) return read;
    return { ok: false, wanted: `a list of IP addresses and networks: ${samplePeers}` };
  },
};

function isNetwork(spelt: string): boolean {
  const [address = '', bits, ...rest] = spelt.split('/');
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

/** Relative paths would mean another file for each working directory. */
export const absolutePath: Reader<string> = text(
  'an absolute path',
  (spelt) => spelt.startsWith('/') && !spelt.includes('\0'),
);

/** As `absolutePath`; empty where that is the way to say "none". */
export const absolutePathOrNone: Reader<string> = text(
  'an absolute path, or "" for none',
  (spelt) => spelt === '' || (spelt.startsWith('/') && !spelt.includes('\0')),
);

/** The kernel's `sun_path` ends at 108 bytes with its zero. */
const socketPathBytesMax = 107;

export const socketPath: Reader<string> = text(
  `an absolute path of at most ${socketPathBytesMax} bytes`,
  (spelt) => {
    const fits = Buffer.byteLength(spelt) <= socketPathBytesMax;
    return fits && spelt.startsWith('/') && !spelt.includes('\0');
  },
);

/** SWUpdate cannot bind `sockinstctrl` or `swupdateprog` below a longer one. */
const socketFolderBytesMax = socketPathBytesMax - '/sockinstctrl'.length;

export const socketFolderOrNone: Reader<string> = text(
  `an absolute path of at most ${socketFolderBytesMax} bytes, or "" for none`,
  (spelt) => {
    const fits = Buffer.byteLength(spelt) <= socketFolderBytesMax && !spelt.includes('\0');
    return spelt === '' || (fits && spelt.startsWith('/'));
  },
);

const isProgram = (spelt: string) => /^(?:\/[^\0]+|[^\s/\0]+)$/.test(spelt);

export const program: Reader<string> = text(
  'a program: its name, looked up in PATH, or its absolute path; arguments have a key of their own',
  isProgram,
);

export const programOrNone: Reader<string> = text(
  'a program: its name, looked up in PATH, or its absolute path; "" for none',
  (spelt) => spelt === '' || isProgram(spelt),
);
