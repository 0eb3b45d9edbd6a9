// The initial value of each phase, and the length of its transfer.
import { chunkBytes } from '../limits.ts';
import type { Install, Installing, Phase, Rebooting, Receiving, Transfer } from './model.ts';

export const accepted: Phase = { kind: 'accepted', reservation: undefined };

export const receivingAtFirst: Receiving = {
  sha1: undefined,
  isPreparing: false,
  prepareAtMs: undefined,
};

export const installingAtFirst: Installing = {
  step: 'verifying',
  sha1: undefined,
  isUntried: false,
  isDataLost: false,
  busyCount: 0,
  retryAtMs: undefined,
  percent: undefined,
};

export const rebootingAtFirst: Rebooting = {
  step: 'requested',
  requests: 0,
  deadlineMs: undefined,
  denial: undefined,
};

export function receivingPhase(transfer: Transfer): Phase {
  return { kind: 'receiving', transfer, finished: false, now: receivingAtFirst };
}

export function installingPhase(transfer: Transfer, install: Install) {
  return { kind: 'installing', transfer, install, now: installingAtFirst } as const;
}

/** An empty file has one (empty) chunk. */
export const chunksExpected = (chunksCount: number) => Math.max(1, chunksCount);

/** Returns true if all chunks of the transfer are on flash. */
export function isAllStored({ chunks, chunksCount }: Transfer): boolean {
  return chunks.count === chunksExpected(chunksCount);
}

/** Returns the size of the payload; undefined until the last chunk is stored. */
export function sizeOf({ chunksCount, lastChunkBytes }: Transfer): number {
  return (chunksExpected(chunksCount) - 1) * chunkBytes + (lastChunkBytes ?? chunkBytes);
}
