// What the last cut left of each package, one sentence a package, for `why` and for the log.
import { grouped } from '../sanitize.ts';
import { decision, keyOf, label, log } from './decision-helpers.ts';
import type { Decision } from './events.ts';
import type { Package, State, RecoverySummary } from './model.ts';

/** What the start found. */
export function recovered(one: Package, what: string): Decision {
  const survival: RecoverySummary = { id: one.id, what, dropped: 0 };
  return decision({
    notes: [{ kind: 'recovered', survival }],
    effects: [log('info', 'state-recovered', { what: sentenceOf(survival) })],
  });
}

/** The hash comes by later, and may find a chunk that is not what it was. */
export function withDropped(state: State, { id }: Package): RecoverySummary {
  const known = state.recovered.get(keyOf(id)) ?? { id, what: '', dropped: 0 };
  return { ...known, dropped: known.dropped + 1 };
}

export function sentencesOf(state: State): readonly string[] {
  return [...state.recovered.values()].map(sentenceOf);
}

export function sentenceOf({ id, what, dropped }: RecoverySummary): string {
  const lost = `${grouped(dropped)} ${dropped === 1 ? 'chunk' : 'chunks'} dropped (CRC)`;
  const parts = [what, dropped === 0 ? '' : lost].filter((part) => part !== '');
  return `${label(id)}: ${parts.join('; ')}`;
}
