// Applies volatile facts: state that the agent keeps in memory until the process ends.
import { keyOf } from './decision-helpers.ts';
import { changePhase } from './state-updates.ts';
import type { VolatileFact } from './events.ts';
import type { State } from './model.ts';

type Of<K extends VolatileFact['kind']> = Extract<VolatileFact, { readonly kind: K }>;
type Table = { readonly [K in VolatileFact['kind']]: (state: State, note: Of<K>) => State };

const table: Table = {
  booting: (state, { bootId }) => ({ ...state, bootId }),
  'number-taken': (state) => ({ ...state, nextNumber: state.nextNumber + 1 }),
  // Each of these belongs to one phase. A package in another phase stays unchanged.
  reservation: (state, { id, reservation }) =>
    changePhase(state, id, (phase) => ('reservation' in phase ? { ...phase, reservation } : phase)),
  receiving: (state, { id, now }) =>
    changePhase(state, id, (phase) => (phase.kind === 'receiving' ? { ...phase, now } : phase)),
  installing: (state, { id, now }) =>
    changePhase(state, id, (phase) => (phase.kind === 'installing' ? { ...phase, now } : phase)),
  rebooting: (state, { id, now }) =>
    changePhase(state, id, (phase) => (phase.kind === 'rebooting' ? { ...phase, now } : phase)),
  leftover: (state, { number, dueMs }) => {
    const cleanups = new Map(state.cleanups);
    if (dueMs === undefined) cleanups.delete(number);
    else cleanups.set(number, dueMs);
    return { ...state, cleanups };
  },
  counter: (state, { counter, by = 1 }) => {
    const count = state.counters[counter] + by;
    return { ...state, counters: { ...state.counters, [counter]: count } };
  },
  recovered: (state, { summary }) => {
    const recovered = new Map(state.recovered).set(keyOf(summary.id), summary);
    return { ...state, recovered };
  },
};

export function isCoreNote(note: { readonly kind: string }): note is VolatileFact {
  return Object.hasOwn(table, note.kind);
}

export function applyNote<K extends VolatileFact['kind']>(state: State, note: Of<K>): State {
  const kind: K = note.kind;
  return table[kind](state, note);
}
