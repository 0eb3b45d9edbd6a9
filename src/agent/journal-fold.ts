// The encoding and the fold of the facts of core and backend, which share one journal.
import { coreFacts } from '../core/flash-facts.ts';
import { byNumber, transferOf } from '../core/decision-helpers.ts';
import { crcOf } from '../core/chunk-set.ts';
import { isCoreFact } from '../core/apply.ts';
import { recordChunkBytesMax } from '../limits.ts';
import { backendFacts, policy } from './backend.ts';
import type { Codec } from '../fact-codec.ts';
import type { Claim, Fold } from '../store/fold.ts';
import type { Fact, State } from './backend.ts';

const codec: Codec<Fact> = {
  encode: (fact) => (isCoreFact(fact) ? coreFacts.encode(fact) : backendFacts.encode(fact)),
  decode: (value) => coreFacts.decode(value) ?? backendFacts.decode(value),
  isCritical: (fact) =>
    isCoreFact(fact) ? coreFacts.isCritical(fact) : backendFacts.isCritical(fact),
};

/** A chunk that was removed, replaced or discarded later in the journal needs no data. */
function claimOf({ core }: State, fact: Fact): Claim<Fact> | undefined {
  if (fact.kind !== 'chunk-stored') return undefined;
  const { number, chunkIndex, sizeBytes, crc } = fact;
  const one = byNumber(core, number);
  const transfer = one === undefined ? undefined : transferOf(one);
  if (transfer === undefined || crcOf(transfer.chunks, chunkIndex) !== crc) return undefined;
  const removal = { kind: 'chunk-removed', number, chunkIndex } as const;
  return { number, chunkIndex, sizeBytes, crc, removal };
}

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
  claimOf,
  // A compacted journal has pages, and last chunks, because a page has no size.
  isCriticalWhenCompacted: (fact) => codec.isCritical(fact) || fact.kind === 'chunk-stored',
};
