// What the store has to know of the facts that it keeps: how to encode them, how to fold them, and
// how much space the records of open transfers need. The store knows nothing else of them.
import type { Codec } from '../fact-codec.ts';

export type Fold<S, F> = {
  readonly codec: Codec<F>;
  readonly initial: S;
  reduce(state: S, fact: F): S;
  /** The fewest facts that fold to the same state. */
  snapshot(state: S): readonly F[];
  /** For the journal records of each open transfer, by its number. */
  reservedBytes(state: S): ReadonlyMap<number, number>;
  /** What stands for records of which nothing is left. */
  readonly recordsLost: F;
  /** Written twice in a compacted journal, which states it nowhere else. */
  isCriticalWhenCompacted(fact: F): boolean;
};
