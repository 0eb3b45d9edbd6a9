// sw-description, the first member of a .swu: the images and their versions, and whether a reboot
// is necessary. It is libconfig or JSON, in UTF-8; the same few rules read both. If they fail (an
// included file, bytes that are not UTF-8), there are no versions. No signature was verified here,
// so every size is bounded.
import { readStart } from '../files.ts';
import type { Disk } from '../../host/ports.ts';

export type Description = {
  /** Each image with its version; undefined if one has none, or if the sets differ. */
  readonly versions: ReadonlyMap<string, string> | undefined;
  /** The update contains `reboot = false` (2024.12 and later). */
  readonly isRebootNeedless: boolean;
};

const headBytes = 110;
const nameBytesMax = 256;
const descriptionBytesMax = 262_144;

/** Undefined: it cannot be read (encrypted, too large, not a cpio archive). */
export async function readDescription(disk: Disk, path: string): Promise<Description | undefined> {
  const read = await readStart(disk, path, headBytes + nameBytesMax + 4 + descriptionBytesMax);
  if (!read.ok) return undefined;
  const data = Buffer.from(read.value);
  // The head of a cpio member: both sizes in hexadecimal digits.
  const [, size = '', nameSize = ''] =
    /^07070[12].{48}([0-9a-f]{8}).{32}([0-9a-f]{8})/is.exec(
      data.toString('latin1', 0, headBytes),
    ) ?? [];
  const [sizeBytes, nameBytes] = [parseInt(size, 16), parseInt(nameSize, 16)];
  if (!(sizeBytes <= descriptionBytesMax && nameBytes <= nameBytesMax)) return undefined;
  const name = data.toString('latin1', headBytes, headBytes + nameBytes);
  if (name !== 'sw-description\0') return undefined;
  const start = Math.ceil((headBytes + nameBytes) / 4) * 4;
  const text = decodeUtf8(data.subarray(start, start + sizeBytes));
  return text === undefined ? undefined : parseDescription(text);
}

/** Undefined: the bytes are not UTF-8. */
function decodeUtf8(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}

type Group = { readonly key: string; readonly values: Map<string, string> };

/** Undefined: the text is not a description. */
export function parseDescription(text: string): Description | undefined {
  const tokens = tokensOf(text);
  if (tokens === undefined) return undefined;
  const images: Map<string, string>[] = [];
  const open: Group[] = [{ key: '', values: new Map() }];
  let key = '';
  let isValue = false;
  for (const { kind, text: token } of tokens) {
    if (kind === 'open') {
      open.push({ key: token === '{' ? '' : key, values: new Map() });
      [key, isValue] = [token === '{' ? '' : key, false];
    } else if (kind === 'close') {
      const closed = open.pop();
      if (closed === undefined || open.length === 0) return undefined;
      const isScript = open.some((group) => group.key === 'scripts');
      if (closed.values.has('filename') && !isScript) images.push(closed.values);
      [key, isValue] = ['', false];
    } else if (kind === 'is') isValue = true;
    else if (kind === 'end') [key, isValue] = ['', false];
    else if (!isValue) key = token;
    else {
      // libconfig joins adjacent strings.
      const values = open.at(-1)?.values;
      values?.set(key, `${kind === 'more' ? (values.get(key) ?? '') : ''}${token}`);
    }
    // In whichever group it is; the outermost one (`open[0]`) keeps it.
    if (key === 'reboot' && isValue && /^false$/i.test(token)) {
      open[0]?.values.set('reboot', 'false');
    }
  }
  if (open.length !== 1) return undefined;
  const isRebootNeedless = open[0]?.values.get('reboot') === 'false';
  return { versions: versionsOf(images), isRebootNeedless };
}

function versionsOf(
  images: readonly ReadonlyMap<string, string>[],
): ReadonlyMap<string, string> | undefined {
  const versions = new Map<string, string>();
  for (const image of images) {
    const [name, version] = [image.get('name'), image.get('version')];
    if (name === undefined || version === undefined) return undefined;
    if ((versions.get(name) ?? version) !== version) return undefined;
    versions.set(name, version);
  }
  return versions.size === 0 ? undefined : versions;
}

// ---------------------------------------------------------------- tokens of libconfig and JSON

type Token = {
  /**
   * `open`, `close`: brackets of any kind; `is`: `=` or `:`; `end`: `,` or `;`; `text`: a name, a
   * number or a string; `more`: a string directly after a string.
   */
  readonly kind: 'open' | 'close' | 'is' | 'end' | 'text' | 'more';
  /** A string without quotes and escapes. */
  readonly text: string;
};

const comment = /\/\*[^]*?\*\/|(?:\/\/|#)[^\n]*/;
const known = /"(?:\\[^]|[^"\\])*"|[{}()[\]=:,;]|[^\s{}()[\]=:,;"#@]+/;
const pattern = new RegExp(`\\s+|${comment.source}|(${known.source})`, 'gy');

const kinds: ReadonlyMap<string, Token['kind']> = new Map([
  ...['{', '(', '['].map((one) => [one, 'open'] as const),
  ...['}', ')', ']'].map((one) => [one, 'close'] as const),
  ...['=', ':'].map((one) => [one, 'is'] as const),
  ...[',', ';'].map((one) => [one, 'end'] as const),
]);

/** Undefined: the text has another token (`@include`, a string without an end). */
function tokensOf(text: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  let wasString = false;
  while (at < text.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    const [, token] = match;
    if (token === undefined) continue;
    const isString = token.startsWith('"');
    const value = isString ? unquoted(token) : token;
    if (value === undefined) return undefined;
    const kind = kinds.get(token) ?? (isString && wasString ? 'more' : 'text');
    tokens.push({ kind, text: value });
    wasString = isString;
  }
  return tokens;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['f', '\f'],
  ['a', '\u0007'],
  ['b', '\b'],
  ['v', '\v'],
]);

/**
 * `\xNN` of libconfig is a byte, `\uNNNN` of JSON a unit of UTF-16. Undefined: the bytes are not
 * UTF-8, so that no file of versions can contain the string.
 */
function unquoted(token: string): string | undefined {
  const found = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|([^]))|[^\\]+/gi;
  const parts: Buffer[] = [];
  let pending = '';
  const flush = () => {
    parts.push(Buffer.from(pending));
    pending = '';
  };
  for (const [whole, byte, unit, other] of token.slice(1, -1).matchAll(found)) {
    if (byte !== undefined) {
      flush();
      parts.push(Buffer.from(byte, 'hex'));
    } else if (unit !== undefined) pending += String.fromCharCode(parseInt(unit, 16));
    else pending += other === undefined ? whole : (escapes.get(other) ?? other);
  }
  flush();
  return decodeUtf8(Buffer.concat(parts));
}
