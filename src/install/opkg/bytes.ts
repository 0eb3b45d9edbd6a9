// Bytes of a file as a stream, inflated or not, taken in pieces of a wished size. What is wrong
// with them is thrown as an Error, and caught where the archive as a whole is judged (`ipk.ts`).
import { createGunzip } from 'node:zlib';
import { unpackedBytesMax } from '../../limits.ts';
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

/** Never more than a piece in memory, and never more in all than any device unpacks. */
export async function* gunzipped(source: Bytes): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: pieceBytes });
  // Also after the last reader has gone.
  gunzip.on('error', () => undefined);
  void feed(source, gunzip);
  let total = 0;
  for await (const piece of gunzip) {
    const data: Uint8Array = piece;
    total += data.length;
    if (total > unpackedBytesMax) throw new Error(`it unpacks to over ${unpackedBytesMax} bytes`);
    yield data;
  }
}

async function feed(source: Bytes, gunzip: Gunzip): Promise<void> {
  try {
    for await (const piece of source) {
      await new Promise<void>((resolve) => void gunzip.write(piece, () => resolve()));
      if (gunzip.destroyed) return;
    }
    gunzip.end();
  } catch (error) {
    gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
