// The facts of a journal, one by one. The agent itself only folds them.
import { foldJournal } from '../../src/store/journal-codec.ts';
import type { Confirm } from '../../src/store/confirm.ts';
import type { Fold } from '../../src/store/fold.ts';
import type { Decoded } from '../../src/store/journal-codec.ts';

export function decodeJournal<F>(
  { codec, recordsLost }: Pick<Fold<never, F>, 'codec' | 'recordsLost'>,
  bytes: Uint8Array,
): Decoded & { readonly facts: readonly F[] } {
  const facts: F[] = [];
  const reduce = (state: undefined, fact: F) => {
    facts.push(fact);
    return state;
  };
  return { ...foldJournal({ codec, recordsLost, initial: undefined, reduce }, bytes), facts };
}

/** For a journal without payload files. */
export const confirmAll: Confirm = async (_, state) => ({
  ok: true,
  value: { state, removals: [], losses: [] },
});
