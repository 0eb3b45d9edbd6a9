// Facts of a transfer that the tests of the store write and read.
import { crc32 } from '../../src/crc32.ts';
import { chunkBytes } from '../../src/limits.ts';
import type { Write } from '../../src/core/events.ts';
import type { Fact } from '../../src/agent/backend.ts';
import type { PackageId } from '../../src/core/model.ts';
import type { DiskResult } from '../../src/host/ports.ts';

export const engine: PackageId = { name: 'engine', version: '2.1' };
export const checksum = 'a'.repeat(40);

export function opened(number = 1, chunksCount = 4, id = engine): readonly Fact[] {
  return [
    { kind: 'offered', id, sizeBytes: chunksCount * chunkBytes },
    { kind: 'consented', id },
    { kind: 'transfer-started', id, number, checksum, chunksCount },
  ];
}

export function held(chunkIndex: number, data = chunkOf(chunkIndex), number = 1): Fact {
  return { kind: 'chunk-stored', number, chunkIndex, sizeBytes: data.length, crc: crc32(data) };
}

/** Each index has other bytes. */
export function chunkOf(chunkIndex: number, sizeBytes = chunkBytes): Uint8Array {
  return new Uint8Array(sizeBytes).fill(chunkIndex * 37 + 11);
}

export function writeOf(chunkIndex: number, data = chunkOf(chunkIndex), number = 1): Write {
  return { number, chunkIndex, data };
}

export function must<T>(result: DiskResult<T>): T {
  if (!result.ok) throw new Error(`${result.code}: ${result.reason}`);
  return result.value;
}

export async function thrownBy(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'nothing was thrown';
}
