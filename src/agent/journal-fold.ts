// The encoding and the fold of the facts of core and backend, which share one journal.
import { coreFacts } from '../core/flash-facts.ts';
import { transferOf } from '../core/decision-helpers.ts';
import { isCoreFact } from '../core/apply.ts';
import { recordChunkBytesMax } from '../limits.ts';
import { backendFacts, policy } from './backend.ts';
import type { Codec } from '../fact-codec.ts';
import type { Fold } from '../store/fold.ts';
import type { Fact, State } from './backend.ts';

const codec: Codec<Fact> = {
  encode: (fact) => (isCoreFact(fact) ? coreFacts.encode(fact) : backendFacts.encode(fact)),
  decode: (value) => coreFacts.decode(value) ?? backendFacts.decode(value),
  isCritical: (fact) =>
    isCoreFact(fact) ? coreFacts.isCritical(fact) : backendFacts.isCritical(fact),
};

export const journalFold: Fold<State, Fact> = {
  codec,
  initial: policy.initial,
  reduce: policy.apply,
  snapshot: policy.snapshot,
  reservedBytes: ({ core }) => {
    const transfers = [...core.packages.values()].flatMap((one) => transferOf(one) ?? []);
    return new Map(
      transfers.map(({ number, chunksCount }) => [number, chunksCount * recordChunkBytesMax]),
    );
  },
  recordsLost: { kind: 'records-lost' },
  // A compacted journal has pages, and last chunks, because a page has no size.
  isCriticalWhenCompacted: (fact) => codec.isCritical(fact) || fact.kind === 'chunk-stored',
};
