// Computes the SHA-1 of the gapless prefix. Chunks that arrive in order are hashed from memory, so
// the finish needs no second pass. After a restart the hasher reads the prefix from flash during
// the transfer, and compares the CRC of each chunk.
import { createHash } from 'node:crypto';
import { crc32 } from '../crc32.ts';
import { crcOf } from '../core/chunk-set.ts';
import { chunkBytes } from '../limits.ts';
import type { Hash } from 'node:crypto';
import type { Event, Write } from '../core/events.ts';
import type { Transfer } from '../core/model.ts';
import type { PayloadFiles } from '../store/payload-files.ts';

export type Hasher = {
  /** Continues the hash while chunks are stored. `fresh`: chunks that are still in memory. */
  advance(transfer: Transfer, fresh: readonly Write[]): void;
  forget(number: number): void;
};

type Job = {
  readonly hash: Hash;
  transfer: Transfer;
  nextIndex: number;
  /** A corrupt chunk that was reported: it is read again after it was removed or received again. */
  doubtedIndex: number | undefined;
  isRunning: boolean;
  isDone: boolean;
};

export function createHasher(data: PayloadFiles, emit: (event: Event) => void): Hasher {
  const jobs = new Map<number, Job>();

  function advance(transfer: Transfer, fresh: readonly Write[]): void {
    const job = jobOf(transfer);
    if (job.isRunning || job.isDone) return;
    for (const { number, chunkIndex, data: bytes } of fresh) {
      if (number === transfer.number && chunkIndex === job.nextIndex) take(job, bytes);
    }
    if (crcOf(transfer.chunks, job.nextIndex) === undefined) job.doubtedIndex = undefined;
    if (isMore(job)) void readOn(job);
    else conclude(job);
  }

  function jobOf(transfer: Transfer): Job {
    const known = jobs.get(transfer.number);
    const hash = known?.hash ?? createHash('sha1');
    const fresh = { nextIndex: 1, doubtedIndex: undefined, isRunning: false, isDone: false };
    const job = known ?? { hash, transfer, ...fresh };
    job.transfer = transfer;
    jobs.set(transfer.number, job);
    return job;
  }

  async function readOn(job: Job): Promise<void> {
    job.isRunning = true;
    // One buffer for all chunks: the garbage of a large prefix would be collected too late.
    const memory = Buffer.allocUnsafeSlow(chunkBytes);
    while (isMore(job) && jobs.get(job.transfer.number) === job) {
      const { number } = job.transfer;
      const chunkIndex = job.nextIndex;
      const sizeBytes = sizeOf(job.transfer, chunkIndex);
      const bytes = await data.read(number, chunkIndex, sizeBytes, memory);
      if (jobs.get(number) !== job) return;
      // An unreadable chunk is handled like a corrupt one: the server can send it again.
      if (!bytes.ok || crc32(bytes.value) !== crcOf(job.transfer.chunks, chunkIndex)) {
        job.isRunning = false;
        job.doubtedIndex = chunkIndex;
        return emit({ kind: 'chunk-corrupt', number, chunkIndex });
      }
      take(job, bytes.value);
    }
    job.isRunning = false;
    conclude(job);
  }

  function conclude(job: Job): void {
    const { number, chunksCount } = job.transfer;
    if (job.isDone || job.nextIndex <= Math.max(1, chunksCount)) return;
    job.isDone = true;
    emit({ kind: 'hashed', number, sha1: job.hash.digest('hex') });
  }

  return { advance, forget: (number) => void jobs.delete(number) };
}

function take(job: Job, bytes: Uint8Array): void {
  job.hash.update(bytes);
  job.nextIndex += 1;
}

const isMore = (job: Job) =>
  job.doubtedIndex !== job.nextIndex && crcOf(job.transfer.chunks, job.nextIndex) !== undefined;

function sizeOf(transfer: Transfer, chunkIndex: number): number {
  const isLast = chunkIndex === Math.max(1, transfer.chunksCount);
  return isLast ? (transfer.lastChunkBytes ?? chunkBytes) : chunkBytes;
}
