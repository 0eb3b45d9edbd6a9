// Readers of addresses: URLs, host:port, paths. They reject values that would fail only later and
// elsewhere, such as an address that the node cannot reach or a socket path that is too long.
import { isIP } from 'node:net';
import { text as textReader, words } from './readers.ts';
import type { ProxyAddress } from '../backends/rvi/settings.ts';
import type { Reader } from './readers.ts';

const control = /[\u0000-\u0020\u007f]/;

function urlOf(text: string): URL | undefined {
  if (control.test(text)) return undefined;
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  const url = urlOf(text);
  return url !== undefined && protocols.includes(url.protocol) && url.hostname !== '';
}

/** Returns the protocol of a URL that a reader has accepted. */
export const protocolOf = (url: string) => urlOf(url)?.protocol ?? '';
/** Returns the host of a URL that a reader has accepted. */
export const hostOf = (url: string) => urlOf(url)?.hostname ?? '';

/** Returns the port of a URL that a reader has accepted, or the default port of its protocol. */
export function portOf(url: string): number {
  const read = urlOf(url);
  if (read === undefined || read.port !== '') return Number(read?.port ?? 0);
  return ['https:', 'wss:'].includes(read.protocol) ? 443 : 80;
}

/** Returns `rvi.network_address` as a URL; the key accepts host:port as well. */
export const networkUrlOf = (address: string) =>
  /^[a-z]+:\/\//.test(address) ? address : `http://${address}`;

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127\./.test(host);
}

export const nodeUrl: Reader<string> = textReader(
  'a URL of the RVI node such as "http://127.0.0.1:8901" (http, https, ws or wss)',
  (text) => {
    const url = urlOf(text);
    if (url === undefined || !isUrl(text, ['http:', 'https:', 'ws:', 'wss:'])) return false;
    // WebSocket allows no fragment, and no node accepts a user name.
    return url.username === '' && url.password === '' && !text.includes('#') && hasPort(url);
  },
);

/** Port 0 cannot be reached. */
const hasPort = ({ port }: URL) => port !== '0';

const hiddenPassword = '***';
const proxyWanted = 'a URL such as "http://user:password@proxy:3128" (http or https)';

/**
 * Converts the URL to its parts, so that each accepted URL can be used. User and password may be
 * percent-encoded; a `%` without two hexadecimal digits after it is an ordinary character.
 */
export const proxyUrl: Reader<ProxyAddress> = {
  read: (raw) => {
    const url = typeof raw === 'string' ? urlOf(raw) : undefined;
    const isHttp = url !== undefined && ['http:', 'https:'].includes(url.protocol);
    if (!isHttp || url.hostname === '' || !hasPort(url)) return { ok: false, wanted: proxyWanted };
    if (url.password === hiddenPassword) {
      const wanted = `the password, which "config" prints as ${hiddenPassword}`;
      return { ok: false, wanted };
    }
    const user = decoded(url.username);
    // In the header, the first colon ends the user name.
    if (user.includes(':')) return { ok: false, wanted: `${proxyWanted}, no ":" in the user` };
    const isSecure = url.protocol === 'https:';
    const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const hasUser = url.username !== '' || url.password !== '';
    const pair = Buffer.concat([user, Buffer.from(':'), decoded(url.password)]);
    const authorization = hasUser ? `Basic ${pair.toString('base64')}` : undefined;
    return { ok: true, value: { isSecure, host, port, authorization } };
  },
  fromText: (text) => text,
  shown: shownProxy,
};

/** Returns undefined if the text may contain a password at an unknown position. */
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

/** Returns bytes, because the text may be in another character set than UTF-8. */
function decoded(text: string): Buffer {
  const parts = text.split(/(%[0-9A-Fa-f]{2})/);
  return Buffer.concat(
    parts.map((part) =>
      /^%[0-9A-Fa-f]{2}$/.test(part) ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part),
    ),
  );
}

/** Nodes cannot read IPv6 literals; a wildcard makes a node connect to itself (protocol 1.2). */
export const reachableAddress: Reader<string> = textReader(
  'host:port or an http URL at which the node reaches this device (no wildcard, IPv6 or query)',
  (text) => {
    const url = urlOf(networkUrlOf(text));
    if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return false;
    if (url.search !== '' || url.hash !== '') return false;
    return url.username === '' && /^[^[]/.test(url.hostname) && url.hostname !== '0.0.0.0';
  },
);

const pathBytesMax = 255;

/** Only characters that a URL keeps: the node must send the same text that the agent registered. */
export const deliveryPath: Reader<string> = textReader(
  `"secret", or a path such as "/sota" of at most ${pathBytesMax} plain characters`,
  (text) => {
    if (text === 'secret' || text === '/') return true;
    const isPlain = /^(?:\/[\w.~!$&'()*+,;=:@-]+)+\/?$/.test(text);
    return isPlain && text.length <= pathBytesMax && !/\/\.{1,2}(?:\/|$)/.test(text);
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
    // 0 is any free port; the agent registers the port that it got.
    if (port > 65_535) return { ok: false, wanted: 'a port from 0 to 65535' };
    return { ok: true, value: { host, port } };
  },
  fromText: (text) => text,
};

const samplePeers = '["127.0.0.1", "10.0.0.0/8"]';
const listOfPeers = words(samplePeers);

/** Addresses only: the meaning of a name could change later, outside the configuration. */
export const peers: Reader<readonly string[]> = {
  ...listOfPeers,
  read: (raw) => {
    const read = listOfPeers.read(raw);
    if (read.ok && read.value.every(isNetwork)) return read;
    return { ok: false, wanted: `a list of IP addresses and networks: ${samplePeers}` };
  },
};

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

/** A relative path would depend on the working directory. */
export const absolutePath: Reader<string> = textReader(
  'an absolute path',
  (text) => text.startsWith('/') && !text.includes('\0'),
);

/** As `absolutePath`; empty means none. */
export const absolutePathOrNone: Reader<string> = textReader(
  'an absolute path, or "" for none',
  (text) => text === '' || (text.startsWith('/') && !text.includes('\0')),
);

/** The kernel's `sun_path` has 108 bytes, its terminating zero included. */
const socketPathBytesMax = 107;

export const socketPath: Reader<string> = textReader(
  `an absolute path of at most ${socketPathBytesMax} bytes`,
  (text) => {
    const fits = Buffer.byteLength(text) <= socketPathBytesMax;
    return fits && text.startsWith('/') && !text.includes('\0');
  },
);

/** SWUpdate cannot bind `sockinstctrl` or `swupdateprog` in a folder with a longer path. */
const socketFolderBytesMax = socketPathBytesMax - '/sockinstctrl'.length;

export const socketFolderOrNone: Reader<string> = textReader(
  `an absolute path of at most ${socketFolderBytesMax} bytes, or "" for none`,
  (text) => {
    const fits = Buffer.byteLength(text) <= socketFolderBytesMax && !text.includes('\0');
    return text === '' || (fits && text.startsWith('/'));
  },
);

const isProgram = (text: string) => /^(?:\/[^\0]+|[^\s/\0]+)$/.test(text);

export const program: Reader<string> = textReader(
  'the name of a program in PATH, or its absolute path, without arguments',
  isProgram,
);

export const programOrNone: Reader<string> = textReader(
  'the name of a program in PATH, or its absolute path, without arguments; "" for none',
  (text) => text === '' || isProgram(text),
);
