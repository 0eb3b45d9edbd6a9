// The bytes of a payload as a stream, decompressed or not, read in pieces of a wanted size. An
// error in the bytes is thrown as an Error; the reader of the whole archive catches it.
import * as zlib from 'node:zlib';
import { unpackedBytesMax, zstdWindowLogMax } from '../limits.ts';
import type { Gunzip } from 'node:zlib';
import type { DiskFile } from '../host/ports.ts';

export type Bytes = AsyncIterable<Uint8Array>;

/** The bytes of a payload from an offset on. */
export type Source = (fromBytes: number) => Bytes;

export type Reader = {
  /** Returns `sizeBytes`; fewer only at the end. */
  take(sizeBytes: number): Promise<Buffer>;
  /** Returns the next part of an archive. `skip` reads what its content has left. */
  part(sizeBytes: number): { readonly content: Bytes; skip(): Promise<void> };
  /** Frees the resources of the source. */
  close(): Promise<void>;
};

const pieceBytes = 65_536;

export function createReader(source: Bytes): Reader {
  const pieces = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);

  async function upTo(bytesMax: number): Promise<Uint8Array | undefined> {
    while (rest.length === 0) {
      const next = await pieces.next();
      if (next.done === true) return undefined;
      rest = next.value;
    }
    const piece = rest.subarray(0, bytesMax);
    rest = rest.subarray(piece.length);
    return piece;
  }

  async function take(sizeBytes: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let left = sizeBytes; left > 0; ) {
      const piece = await upTo(left);
      if (piece === undefined) break;
      parts.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(parts);
  }

  function part(sizeBytes: number) {
    let left = sizeBytes;
    async function* content(): AsyncGenerator<Uint8Array> {
      while (left > 0) {
        const piece = await upTo(left);
        if (piece === undefined) throw new Error('it ends early');
        left -= piece.length;
        yield piece;
      }
    }
    const skip = async () => {
      for await (const piece of content()) void piece;
    };
    return { content: content(), skip };
  }

  return { take, part, close: async () => void (await pieces.return?.()) };
}

export const sourceOfFile =
  (file: DiskFile): Source =>
  (fromBytes) =>
    bytesOf(file, fromBytes);

export const sourceOfBytes =
  (bytes: Uint8Array): Source =>
  (fromBytes) =>
    onePiece(bytes.subarray(fromBytes));

async function* bytesOf(file: DiskFile, fromBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = fromBytes; ; ) {
    const read = await file.read(at, pieceBytes);
    if (!read.ok) throw new Error(`${read.code} ${read.reason}`);
    if (read.value.length === 0) return;
    yield read.value;
    at += read.value.length;
  }
}

export async function* onePiece(data: Uint8Array): AsyncGenerator<Uint8Array> {
  if (data.length > 0) yield data;
}

export const gunzipped = (source: Bytes) =>
  decompressed(source, zlib.createGunzip({ chunkSize: pieceBytes }));

/** Undefined: this Node has no zstd. Node has it since 22.15. */
export function unzstd(source: Bytes): Bytes | undefined {
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  // ZSTD_d_windowLogMax
  const params = { 100: zstdWindowLogMax };
  if (typeof create !== 'function') return undefined;
  // The executable always has a function, which returns undefined if its Node has no zstd.
  const stream: Gunzip | undefined = create({ chunkSize: pieceBytes, params });
  return stream === undefined ? undefined : decompressed(source, stream);
}

/** Returns true for data that a program can decompress and this process cannot. */
export function isUnsupported(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ZSTD_error_frameParameter_windowTooLarge' || code === manyFrames;
}

const manyFrames = 'ZSTD_many_frames';

/** Keeps at most one piece in memory, and yields at most as much as a device can unpack. */
async function* decompressed(source: Bytes, stream: Gunzip): AsyncGenerator<Uint8Array> {
  // An error may also occur after the last read.
  stream.on('error', () => undefined);
  const fed = feed(source, stream);
  let total = 0;
  for await (const piece of stream) {
    const data: Uint8Array = piece;
    total += data.length;
    if (total > unpackedBytesMax) throw new Error(`it unpacks to over ${unpackedBytesMax} bytes`);
    yield data;
  }
  // The zstd of Node stops after the first frame and ignores the others.
  if ((await fed) > stream.bytesWritten) {
    throw Object.assign(new Error('it has more than one frame'), { code: manyFrames });
  }
}

/** Returns how many bytes the source had, as far as it was read. */
async function feed(source: Bytes, stream: Gunzip): Promise<number> {
  const closed = new Promise<void>((resolve) => void stream.once('close', () => resolve()));
  let total = 0;
  try {
    for await (const piece of source) {
      total += piece.length;
      if (stream.readableEnded) return total;
      // A stream that ended before never calls back.
      const written = new Promise<void>((resolve) => void stream.write(piece, () => resolve()));
      await Promise.race([written, closed]);
      if (stream.destroyed && !stream.readableEnded) return total;
    }
    stream.end();
  } catch (error) {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  }
  return total;
}

/** Returns the text of a fixed field, up to its first zero byte. */
export function terminatedText(data: Buffer, offset: number, sizeBytes: number): string {
  const field = data.subarray(offset, offset + sizeBytes);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}
