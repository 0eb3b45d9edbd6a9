// The archives of a package: ar and tar (ustar, GNU long names, pax), as streams of their entries.
// Names and sizes come from the sender. Anything that does not follow the formats is an Error.
import { createReader, gunzipped, terminatedText } from '../byte-stream.ts';
import type { Bytes, Reader, Source } from '../byte-stream.ts';

/** The form of the outer archive. */
export type Form = 'ar' | 'tar';

export type Member = { readonly name: string; readonly content: Bytes };

const arMagic = '!<arch>\n';

export async function formOf(source: Source): Promise<Form | undefined> {
  const reader = createReader(source(0));
  const start = await reader.take(arMagic.length);
  await reader.close();
  if (start.toString('latin1') === arMagic) return 'ar';
  return start[0] === 0x1f && start[1] === 0x8b ? 'tar' : undefined;
}

/** The members of the outer archive of a package: an ar, or a gzipped tar. */
export async function* membersOf(source: Source): AsyncGenerator<Member> {
  const form = await formOf(source);
  if (form === undefined) throw new Error('neither ar nor gzip');
  if (form === 'ar') yield* arMembers(createReader(source(arMagic.length)));
  else {
    for await (const { name, kind, content } of entriesOf(gunzipped(source(0)))) {
      if (kind === 'file') yield { name: cleanPath(name), content };
    }
  }
}

/** Returns the path relative to the root, without `.` and empty parts. */
export function cleanPath(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error(`a path that leaves the root: ${name}`);
  return parts.join('/');
}

async function* arMembers(reader: Reader): AsyncGenerator<Member> {
  for (;;) {
    const header = (await reader.take(60)).toString('latin1');
    if (header === '') return;
    const [, name = '', digits = ''] =
      /^(.{16}).{32}(\d{1,10}) *`\n$/s.exec(header.length === 60 ? header : '') ?? [];
    if (digits === '') throw new Error('a bad ar header, or it ends early');
    const sizeBytes = Number(digits);
    const { content, skip } = reader.part(sizeBytes);
    yield { name: name.trimEnd().replace(/\/$/, ''), content };
    await skip();
    await reader.take(sizeBytes % 2);
  }
}

// ---------------------------------------------------------------- tar

export type TarEntry = {
  readonly name: string;
  /** `special`: a device node or a FIFO. `other`: an unknown type. */
  readonly kind: 'file' | 'link' | 'symlink' | 'directory' | 'special' | 'other';
  readonly sizeBytes: number;
  /** Of a link or symlink; else empty. */
  readonly target: string;
  /** The next entry skips what was not read. */
  readonly content: Bytes;
};

const blockBytes = 512;
/** Of the name of a path, or of a list of attributes with a name. */
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
      const target = isLink ? (extra.target ?? terminatedText(header, 157, 100)) : '';
      extra = {};
      // The size of a link is that of its target; the link itself has no content.
      const contentBytes = kind === 'file' || kind === 'other' ? sizeBytes : 0;
      const { content, skip } = reader.part(contentBytes);
      yield { name, kind, sizeBytes: contentBytes, target, content };
      await skip();
      await skipPadding(reader, contentBytes);
    }
    await drain(reader);
  } finally {
    await reader.close();
  }
}

async function skipPadding(reader: Reader, sizeBytes: number): Promise<void> {
  const padding = (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
  const skipped = await reader.take(padding);
  if (skipped.length < padding) throw new Error('it ends early');
}

/** Reads to the end of the stream, where a compressed one has its CRC. */
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
  if (type === 'K') return { target: terminatedText(data, 0, data.length) };
  if (type === 'L') return { name: terminatedText(data, 0, data.length) };
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
  const name = terminatedText(header, 0, 100);
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? terminatedText(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
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
