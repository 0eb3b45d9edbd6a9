// Readers for where things are: URLs, host:port, paths. What would only fail later and elsewhere
// (a node that cannot reach us, a socket path cut short by the kernel) is refused here.
import { isIP } from 'node:net';
import { text, words } from './readers.ts';
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

export const nodeUrl: Reader<string> = text(
  'a URL of the RVI node such as "http://127.0.0.1:8901" (http, https, ws or wss)',
  (spelt) => isUrl(spelt, ['http:', 'https:', 'ws:', 'wss:']) && urlOf(spelt)?.username === '',
);

export const proxyUrl: Reader<string> = text(
  'a URL such as "http://proxy:3128" (http or https)',
  (spelt) => isUrl(spelt, ['http:', 'https:']),
);

/** A node cannot read IPv6 literals in it, and a wildcard leads it to itself (protocol 1.6). */
export const reachableAddress: Reader<string> = text(
  'host:port or an http URL at which the node reaches this device (no wildcard, no IPv6 literal)',
  (spelt) => {
    const url = urlOf(/^[a-z]+:\/\//.test(spelt) ? spelt : `http://${spelt}`);
    if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return false;
    return url.username === '' && /^[^[]/.test(url.hostname) && url.hostname !== '0.0.0.0';
  },
);

export type Address = { readonly host: string; readonly port: number };

const listenWanted = 'host:port such as "127.0.0.1:9080" or "[::1]:9080"';
const hostPort = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+)):(\d+)$/;

export const listenAddress: Reader<Address> = {
  read: (raw) => {
    const [, v6, name, digits] = hostPort.exec(typeof raw === 'string' ? raw : '') ?? [];
    const host = v6 ?? name;
    const port = Number(digits);
    if (host === undefined) return { ok: false, wanted: listenWanted };
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

const isProgram = (spelt: string) => /^(?:\/[^\0]+|[^\s/\0]+)$/.test(spelt);

export const program: Reader<string> = text(
  'a program: its name, looked up in PATH, or its absolute path; arguments have a key of their own',
  isProgram,
);

export const programOrNone: Reader<string> = text(
  'a program: its name, looked up in PATH, or its absolute path; "" for none',
  (spelt) => spelt === '' || isProgram(spelt),
);
