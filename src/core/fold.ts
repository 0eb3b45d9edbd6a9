// The state is the fold of the facts. Volatile facts are folded in the same way.
import { applyNote } from './apply-volatile.ts';
import { apply, initialState } from './apply.ts';
import type { Fact, VolatileFact } from './events.ts';
import type { State } from './model.ts';

export function replay(facts: Iterable<Fact>): State {
  let state = initialState;
  for (const fact of facts) state = apply(state, fact);
  return state;
}

export function applyAll(
  state: State,
  facts: readonly Fact[],
  notes: readonly VolatileFact[] = [],
): State {
  let next = state;
  for (const fact of facts) next = apply(next, fact);
  for (const note of notes) next = applyNote(next, note);
  return next;
}
