// The state of each package after the last interruption, one sentence each, for `why` and the log.
import { grouped } from '../sanitize.ts';
import { decision, keyOf, label, log } from './decision-helpers.ts';
import type { Decision } from './events.ts';
import type { Package, State, RecoverySummary } from './model.ts';

/** Records and logs the state of a package at the start of the agent. */
export function recovered(one: Package, what: string): Decision {
  const summary: RecoverySummary = { id: one.id, what, corruptChunks: 0 };
  return decision({
    notes: [{ kind: 'recovered', summary }],
    effects: [log('info', 'state-recovered', { what: sentenceOf(summary) })],
  });
}

/** Counts a corrupt chunk that the hash found after the start. */
export function withCorruptChunk(state: State, { id }: Package): RecoverySummary {
  const known = state.recovered.get(keyOf(id)) ?? { id, what: '', corruptChunks: 0 };
  return { ...known, corruptChunks: known.corruptChunks + 1 };
}

export function sentencesOf(state: State): readonly string[] {
  return [...state.recovered.values()].map(sentenceOf);
}

export function sentenceOf({ id, what, corruptChunks }: RecoverySummary): string {
  const noun = corruptChunks === 1 ? 'chunk' : 'chunks';
  const corrupt = `${grouped(corruptChunks)} corrupt ${noun} removed`;
  const parts = [what, corruptChunks === 0 ? '' : corrupt].filter((part) => part !== '');
  return `${label(id)}: ${parts.join('; ')}`;
}
