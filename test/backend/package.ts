// A package of the server. It reads a chunk when it sends it, so that a large file is never in
// memory.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';

export type PackageId = { readonly name: string; readonly version: string };

export type ServerPackage = {
  readonly id: PackageId;
  readonly sizeBytes: number;
  /** SHA-1, lower-case hex (protocol 2.4). */
  readonly checksum: string;
  /** `ceil(size / 65536)`; 0 for an empty file (protocol 2.4). */
  readonly chunksCount: number;
  /** In base64: standard alphabet, padded, no line breaks. Empty after the last chunk. */
  chunk(index: number): string;
  /** Required packages, sent before this one without an offer or a start (protocol 2.1). */
  readonly needs?: readonly ServerPackage[];
};

/** The size in a notify: the sum of the package and all required packages (protocol 2.1). */
export function totalBytes({ sizeBytes, needs = [] }: ServerPackage): number {
  return needs.reduce((sum, one) => sum + totalBytes(one), sizeBytes);
}

/** Not the agent's constant, because the tests would not find an error in that. */
export const chunkBytes = 65_536;

export function packageOf(id: PackageId, data: Uint8Array): ServerPackage {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return {
    id,
    sizeBytes: bytes.length,
    checksum: createHash('sha1').update(bytes).digest('hex'),
    chunksCount: Math.ceil(bytes.length / chunkBytes),
    chunk: (index) => bytes.toString('base64', (index - 1) * chunkBytes, index * chunkBytes),
  };
}

export function packageOfFile(id: PackageId, path: string): ServerPackage {
  const sizeBytes = statSync(path).size;
  const chunksCount = Math.ceil(sizeBytes / chunkBytes);
  const hash = createHash('sha1');
  for (let index = 1; index <= chunksCount; index++) hash.update(readChunk(path, index));
  const checksum = hash.digest('hex');
  const chunk = (index: number) => readChunk(path, index).toString('base64');
  return { id, sizeBytes, checksum, chunksCount, chunk };
}

function readChunk(path: string, index: number): Buffer {
  const data = Buffer.allocUnsafe(chunkBytes);
  const file = openSync(path, 'r');
  try {
    return data.subarray(0, readSync(file, data, 0, chunkBytes, (index - 1) * chunkBytes));
  } finally {
    closeSync(file);
  }
}

/** `hello_1.2.3-r0_armv7.ipk` is hello 1.2.3-r0; a name without a version is 1.0.0. */
export function idOfFile(path: string): PackageId {
  const ending = /\.(ipk|deb|rpm|swu|tar|tar\.\w+|tgz|zip|img|bin|raucb)$/;
  const file = basename(path).replace(ending, '');
  const found = /^(?<name>.+?)[_-]v?(?<version>\d[^_]*)/.exec(file)?.groups;
  return { name: found?.['name'] ?? file, version: found?.['version'] ?? '1.0.0' };
}
