// Small steps that `apply` is made of: a package put, moved to another phase, remembered.
import { ledgerEntriesMax } from '../limits.ts';
import { byNumber, idle, keyOf, historyKeyOf, transferOf } from './decision-helpers.ts';
import type {
  HistoryEntry,
  Package,
  PackageId,
  Phase,
  PackageRuntime,
  State,
  Transfer,
} from './model.ts';

export function setRunning(state: State, id: PackageId, value: PackageRuntime): State {
  // Nothing runs for a package that is gone: late notes of its last effects end here.
  if (!state.packages.has(keyOf(id))) return state;
  const running = new Map(state.running);
  running.set(keyOf(id), value);
  return { ...state, running };
}

export function put(state: State, one: Package): State {
  const packages = new Map(state.packages);
  packages.set(keyOf(one.id), one);
  return { ...state, packages };
}

export function without(state: State, id: PackageId): State {
  const packages = new Map(state.packages);
  const running = new Map(state.running);
  packages.delete(keyOf(id));
  running.delete(keyOf(id));
  return { ...state, packages, running };
}

/** A new phase begins with nothing under way; within a phase the running part stays. */
export function changePhase(
  state: State,
  id: PackageId | undefined,
  change: (phase: Phase) => Phase,
): State {
  const one = id === undefined ? undefined : state.packages.get(keyOf(id));
  if (one === undefined) return state;
  const phase = change(one.phase);
  // What the server began beside a transfer is over with it.
  const next = put(state, {
    ...one,
    phase,
    isMultiPackage: one.isMultiPackage && 'transfer' in phase,
  });
  return phase.kind === one.phase.kind ? next : setRunning(next, one.id, idle);
}

export function changeTransfer(
  state: State,
  number: number,
  change: (transfer: Transfer) => Transfer,
): State {
  return changePhase(state, byNumber(state, number)?.id, (phase) =>
    phase.kind === 'receiving' || phase.kind === 'installing'
      ? { ...phase, transfer: change(phase.transfer) }
      : phase,
  );
}

/** A transfer that lost a chunk is to be received again, even when an attempt stood open. */
export function unfinished(state: State, number: number): State {
  return changePhase(state, byNumber(state, number)?.id, (phase) =>
    phase.kind === 'receiving' || phase.kind === 'installing'
      ? { kind: 'receiving', transfer: phase.transfer, finished: false }
      : phase,
  );
}

/** Since the payload was last installed: what has succeeded may be tried again as often. */
export function attemptsOf(state: State, id: PackageId, checksum: string): number {
  const entry = state.history.get(historyKeyOf(id, checksum));
  return entry === undefined || entry.outcome === 'installed' ? 0 : entry.attempts;
}

export function noteOutcome(
  state: State,
  id: PackageId,
  outcome: HistoryEntry['outcome'],
  description: string,
): State {
  const one = state.packages.get(keyOf(id));
  const checksum = one === undefined ? undefined : transferOf(one)?.checksum;
  if (checksum === undefined) return state;
  const attempts = attemptsOf(state, id, checksum);
  return remember(state, { id, checksum, attempts, outcome, description });
}

/** The newest entry goes last; the oldest is forgotten at the bound. */
export function remember(state: State, entry: HistoryEntry): State {
  const history = new Map(state.history);
  const key = historyKeyOf(entry.id, entry.checksum);
  history.delete(key);
  history.set(key, entry);
  for (const oldest of history.keys()) {
    if (history.size <= ledgerEntriesMax) break;
    history.delete(oldest);
  }
  return { ...state, history };
}

/** A report that is owed stays owed, whatever else of the package is given up. */
export function aborted(state: State, id: PackageId): State {
  if (state.packages.get(keyOf(id))?.phase.kind === 'reporting') return state;
  return without(noteOutcome(state, id, 'aborted', 'aborted by the server'), id);
}

export function forgiven(state: State, id: PackageId): State {
  const history = new Map(state.history);
  for (const [key, entry] of history) {
    if (keyOf(entry.id) === keyOf(id)) history.set(key, { ...entry, attempts: 0 });
  }
  return { ...state, history };
}
