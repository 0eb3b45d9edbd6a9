// A tar archive as a stream of entries: ustar, GNU long names, pax. Names and sizes are a
// stranger's: what is not spelled as the formats say ends the reading with an Error.
import { createReader } from './byte-stream.ts';
import type { Bytes, Reader } from './byte-stream.ts';

export type TarEntry = {
  readonly name: string;
  /** `special`: a device node or a FIFO. `other`: of a type that is not known here. */
  readonly kind: 'file' | 'link' | 'symlink' | 'directory' | 'special' | 'other';
  readonly sizeBytes: number;
  /** Of a link or symlink; empty for everything else. */
  readonly target: string;
  /** May be left, also half-way, before the next entry is asked for. */
  readonly content: Bytes;
};

const blockBytes = 512;
/** A name of a path, or the list of attributes that holds one. */
const longNameBytesMax = 65_536;

type Extra = { name?: string; target?: string; sizeBytes?: number };

export async function* entriesOf(source: Bytes): AsyncGenerator<TarEntry> {
  const reader = createReader(source);
  try {
    let extra: Extra = {};
    for (;;) {
      const header = await reader.take(blockBytes);
      if (header.length === 0) return;
      if (header.length < blockBytes) throw new Error('it ends early');
      if (header.every((byte) => byte === 0)) break;
      checkSum(header);
      const type = String.fromCharCode(header[156] ?? 0);
      const sizeBytes = extra.sizeBytes ?? numberIn(header, 124, 12);
      if ('LKxg'.includes(type)) {
        extra = { ...extra, ...(await extraOf(reader, type, sizeBytes)) };
        continue;
      }
      const name = extra.name ?? nameIn(header);
      const kind = kindOf(type);
      const isLink = kind === 'link' || kind === 'symlink';
      const target = isLink ? (extra.target ?? textIn(header, 157, 100)) : '';
      extra = {};
      // The size of a link is that of its target, and nothing follows.
      const held = kind === 'file' || kind === 'other' ? sizeBytes : 0;
      yield* entry(reader, { name, kind, sizeBytes: held, target });
    }
    await drain(reader);
  } finally {
    await reader.close();
  }
}

async function* entry(reader: Reader, head: Omit<TarEntry, 'content'>): AsyncGenerator<TarEntry> {
  let left = head.sizeBytes;
  async function* content(): AsyncGenerator<Uint8Array> {
    while (left > 0) {
      const piece = await reader.some(left);
      left -= piece.length;
      yield piece;
    }
  }
  yield { ...head, content: content() };
  while (left > 0) left -= (await reader.some(left)).length;
  await skipPadding(reader, head.sizeBytes);
}

async function skipPadding(reader: Reader, sizeBytes: number): Promise<void> {
  const padding = (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
  const skipped = await reader.take(padding);
  if (skipped.length < padding) throw new Error('it ends early');
}

/** To the end of the stream, where a compressed one holds its CRC. */
async function drain(reader: Reader): Promise<void> {
  while ((await reader.take(65_536)).length > 0);
}

function kindOf(type: string): TarEntry['kind'] {
  switch (type) {
    case '0':
    case '\0':
    case '7':
      return 'file';
    case '1':
      return 'link';
    case '2':
      return 'symlink';
    case '5':
      return 'directory';
    case '3':
    case '4':
    case '6':
      return 'special';
    default:
      return 'other';
  }
}

async function extraOf(reader: Reader, type: string, sizeBytes: number): Promise<Extra> {
  if (sizeBytes > longNameBytesMax) throw new Error(`an attribute of ${sizeBytes} bytes`);
  const data = await reader.take(sizeBytes);
  await skipPadding(reader, sizeBytes);
  if (data.length < sizeBytes) throw new Error('it ends early');
  if (type === 'K') return { target: textIn(data, 0, data.length) };
  if (type === 'L') return { name: textIn(data, 0, data.length) };
  return type === 'x' ? paxOf(data) : {};
}

/** Records of `<length> <key>=<value>\n`. */
function paxOf(data: Buffer): Extra {
  const extra: Extra = {};
  for (let at = 0; at < data.length; ) {
    const [, digits = ''] = /^(\d{1,6}) /.exec(data.toString('latin1', at, at + 8)) ?? [];
    const length = Number(digits);
    if (length <= digits.length + 1 || at + length > data.length) throw new Error('bad pax record');
    const record = data.toString('utf8', at + digits.length + 1, at + length - 1);
    const value = record.slice(record.indexOf('=') + 1);
    if (record.startsWith('path=')) extra.name = value;
    if (record.startsWith('linkpath=')) extra.target = value;
    if (record.startsWith('size=')) extra.sizeBytes = sized(Number(value));
    at += length;
  }
  return extra;
}

function nameIn(header: Buffer): string {
  const name = textIn(header, 0, 100);
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? textIn(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function textIn(data: Buffer, at: number, sizeBytes: number): string {
  const field = data.subarray(at, at + sizeBytes);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}

/** Octal digits, or binary with the highest bit set. */
function numberIn(header: Buffer, at: number, sizeBytes: number): number {
  if (((header[at] ?? 0) & 0x80) !== 0) {
    const bytes = header.subarray(at + 1, at + sizeBytes);
    return sized(bytes.reduce((sum, byte) => sum * 256 + byte, (header[at] ?? 0) & 0x7f));
  }
  const digits = header
    .toString('latin1', at, at + sizeBytes)
    .replace(/[\0 ]+$/, '')
    .trimStart();
  if (!/^[0-7]*$/.test(digits)) throw new Error('a bad number in a tar header');
  return sized(parseInt(digits === '' ? '0' : digits, 8));
}

function sized(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error('a bad size in a tar header');
  return value;
}

function checkSum(header: Buffer): void {
  const blank = 8 * 32;
  const sum = header.reduce((all, byte, at) => (at >= 148 && at < 156 ? all : all + byte), blank);
  if (numberIn(header, 148, 8) !== sum) throw new Error('a tar header with a wrong checksum');
}
