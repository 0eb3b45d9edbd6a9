// The interface of the store to the facts: how to encode and fold them, and how much space the
// records of open transfers need. The store has no other dependency on the facts.
import type { Codec } from '../fact-codec.ts';

/** What a fact states about the payload files. */
export type Claim<F> = {
  /** Number of the transfer. */
  readonly number: number;
  readonly chunkIndex: number;
  readonly sizeBytes: number;
  readonly crc: number;
  /** The fact that takes the claim back. */
  readonly removal: F;
};

export type Fold<S, F> = {
  readonly codec: Codec<F>;
  readonly initial: S;
  reduce(state: S, fact: F): S;
  /** Returns the minimal facts that fold to the same state. */
  snapshot(state: S): readonly F[];
  /** Returns the bytes for the journal records of each open transfer, by its number. */
  reservedBytes(state: S): ReadonlyMap<number, number>;
  /** The fact that replaces lost records. */
  readonly recordsLost: F;
  /** Returns what the fact states about the payload files; undefined: nothing that still counts. */
  claimOf(state: S, fact: F): Claim<F> | undefined;
  /** Returns true if a compacted journal contains the fact twice. */
  isCriticalWhenCompacted(fact: F): boolean;
};
