// Bytes of a file as a stream, inflated or not, taken in pieces of a wished size. What is wrong
// with them is thrown as an Error, and caught where the archive as a whole is judged (`ipk.ts`).
import * as zlib from 'node:zlib';
import { unpackedBytesMax, zstdWindowLogMax } from '../../limits.ts';
import type { Gunzip } from 'node:zlib';
import type { DiskFile } from '../../host/ports.ts';

export type Bytes = AsyncIterable<Uint8Array>;

export type Reader = {
  /** So many bytes; fewer only at the end. */
  take(sizeBytes: number): Promise<Buffer>;
  /** The next bytes, at least one and at most so many; there must be some. */
  some(mostBytes: number): Promise<Uint8Array>;
  /** Frees what the source holds. */
  close(): Promise<void>;
};

const pieceBytes = 65_536;

export function createReader(source: Bytes): Reader {
  const pieces = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);

  async function upTo(mostBytes: number): Promise<Uint8Array | undefined> {
    while (rest.length === 0) {
      const next = await pieces.next();
      if (next.done === true) return undefined;
      rest = next.value;
    }
    const piece = rest.subarray(0, mostBytes);
    rest = rest.subarray(piece.length);
    return piece;
  }

  return {
    take: async (sizeBytes) => {
      const parts: Uint8Array[] = [];
      for (let left = sizeBytes; left > 0; ) {
        const piece = await upTo(left);
        if (piece === undefined) break;
        parts.push(piece);
        left -= piece.length;
      }
      return Buffer.concat(parts);
    },
    some: async (mostBytes) => {
      const piece = await upTo(mostBytes);
      if (piece === undefined) throw new Error('it ends early');
      return piece;
    },
    close: async () => void (await pieces.return?.()),
  };
}

export async function* bytesOf(file: DiskFile, fromBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = fromBytes; ; ) {
    const read = await file.read(at, pieceBytes);
    if (!read.ok) throw new Error(`${read.code} ${read.reason}`);
    if (read.value.length === 0) return;
    yield read.value;
    at += read.value.length;
  }
}

export const gunzipped = (source: Bytes) =>
  inflated(source, zlib.createGunzip({ chunkSize: pieceBytes }));

/** Returns undefined if this Node has no zstd; it came with Node 22.15. */
export function unzstd(source: Bytes): Bytes | undefined {
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  // ZSTD_d_windowLogMax
  const params = { 100: zstdWindowLogMax };
  if (typeof create !== 'function') return undefined;
  // In the executable there is always a function, which gives nothing if Node has none.
  const stream: Gunzip | undefined = create({ chunkSize: pieceBytes, params });
  return stream === undefined ? undefined : inflated(source, stream);
}

/** Data that a program can read and this process cannot: not a fault of the archive. */
export function isBeyondUs(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ZSTD_error_frameParameter_windowTooLarge' || code === manyFrames;
}

const manyFrames = 'ZSTD_many_frames';

/** Holds at most one piece in memory, and yields at most what any device can unpack. */
async function* inflated(source: Bytes, stream: Gunzip): AsyncGenerator<Uint8Array> {
  // Also after the last reader has gone.
  stream.on('error', () => undefined);
  const fed = feed(source, stream);
  let total = 0;
  for await (const piece of stream) {
    const data: Uint8Array = piece;
    total += data.length;
    if (total > unpackedBytesMax) throw new Error(`it unpacks to over ${unpackedBytesMax} bytes`);
    yield data;
  }
  // Node's zstd stops after the first frame and ignores the others.
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
      // Of a stream that ended before, the write is never answered.
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
