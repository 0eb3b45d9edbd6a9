// State changes that `apply` uses: to store a package, change its phase, or record its history.
import { historyEntriesMax } from '../limits.ts';
import { byNumber, historyKeyOf, keyOf, transferOf } from './decision-helpers.ts';
import { receivingAtFirst } from './phases.ts';
import type { HistoryEntry, Package, PackageId, Phase, State, Transfer } from './model.ts';

export function put(state: State, one: Package): State {
  return { ...state, packages: new Map(state.packages).set(keyOf(one.id), one) };
}

export function without(state: State, id: PackageId): State {
  const packages = new Map(state.packages);
  packages.delete(keyOf(id));
  return { ...state, packages };
}

export function changePackage(
  state: State,
  id: PackageId | undefined,
  change: (one: Package) => Package,
): State {
  const one = id === undefined ? undefined : state.packages.get(keyOf(id));
  return one === undefined ? state : put(state, change(one));
}

export function changePhase(
  state: State,
  id: PackageId | undefined,
  change: (phase: Phase) => Phase,
): State {
  return changePackage(state, id, (one) => {
    const phase = change(one.phase);
    // The mark of a further payload ends with the transfer.
    return { ...one, phase, isMultiPackage: one.isMultiPackage && 'transfer' in phase };
  });
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

/** The agent receives a transfer that lost a chunk again, even if an attempt was open. */
export function unfinished(state: State, number: number): State {
  return changePhase(state, byNumber(state, number)?.id, (phase) => {
    if (phase.kind === 'receiving') return { ...phase, finished: false };
    if (phase.kind !== 'installing') return phase;
    const { transfer } = phase;
    return { kind: 'receiving', transfer, finished: false, now: receivingAtFirst };
  });
}

/** Returns the attempts since the payload was last installed: after a success they start at 0. */
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

/** Puts the newest entry last, and drops the oldest at the limit. */
export function remember(state: State, entry: HistoryEntry): State {
  const history = new Map(state.history);
  const key = historyKeyOf(entry.id, entry.checksum);
  history.delete(key);
  history.set(key, entry);
  for (const oldest of history.keys()) {
    if (history.size <= historyEntriesMax) break;
    history.delete(oldest);
  }
  return { ...state, history };
}

/** Removes a package; a pending report stays pending. */
export function aborted(state: State, id: PackageId): State {
  if (state.packages.get(keyOf(id))?.phase.kind === 'reporting') return state;
  return without(noteOutcome(state, id, 'aborted', 'aborted by the server'), id);
}

export function attemptsReset(state: State, id: PackageId): State {
  const history = new Map(state.history);
  for (const [key, entry] of history) {
    if (keyOf(entry.id) === keyOf(id)) history.set(key, { ...entry, attempts: 0 });
  }
  return { ...state, history };
}
