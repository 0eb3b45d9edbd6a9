// The interface of the store to the facts: how to encode and fold them, and how much space the
// records of open transfers need. The store has no other dependency on the facts.
import type { Codec } from '../fact-codec.ts';

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
  /** Returns true if a compacted journal contains the fact twice. */
  isCriticalWhenCompacted(fact: F): boolean;
};
