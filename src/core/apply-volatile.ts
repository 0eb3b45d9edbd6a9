// What a volatile fact means: what the agent knows only until it ends.
import { unreachable } from '../assert.ts';
import { keyOf } from './decision-helpers.ts';
import { setRunning } from './state-updates.ts';
import type { VolatileFact } from './events.ts';
import type { State } from './model.ts';

export function applyNote(state: State, note: VolatileFact): State {
  switch (note.kind) {
    case 'booting':
      return { ...state, bootId: note.bootId };
    case 'number-taken':
      return { ...state, nextNumber: state.nextNumber + 1 };
    case 'link':
      return { ...state, link: note.link };
    case 'identified':
      return { ...state, ownServices: note.names, vin: note.vin, discoveredServices: note.found };
    case 'running':
      return setRunning(state, note.id, note.running);
    case 'listing':
      return { ...state, inventoryRequest: note.listing };
    case 'outage':
      return { ...state, outage: note.outage };
    case 'away':
      return { ...state, serverAvailability: note.away };
    case 'keep-alive':
      return { ...state, progressAckMs: note.dueMs };
    case 'leftover': {
      const cleanups = new Map(state.cleanups);
      if (note.dueMs === undefined) cleanups.delete(note.number);
      else cleanups.set(note.number, note.dueMs);
      return { ...state, cleanups };
    }
    case 'counter': {
      const { counter, by = 1 } = note;
      const count = state.counters[counter] + by;
      return { ...state, counters: { ...state.counters, [counter]: count } };
    }
    case 'recovered':
      return {
        ...state,
        recovered: new Map(state.recovered).set(keyOf(note.survival.id), note.survival),
      };
    default:
      return unreachable(note);
  }
}
