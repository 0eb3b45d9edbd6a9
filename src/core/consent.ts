// The rules of consent, and the facts about it. Consent applies to a name and a version (for an
// update: to its id) and ends with the outcome.
import { confirmationsMax } from '../limits.ts';
import { keyOf } from './decision-helpers.ts';
import { accepted } from './phases.ts';
import { changePackage, changePhase, put, without } from './state-updates.ts';
import type { Fact } from './events.ts';
import type { Package, PackageId, State, Update } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Fact['kind']> = Omit<Extract<Fact, { readonly kind: K }>, 'kind'>;

// ---------------------------------------------------------------- the rules

/** Returns true if a user must accept the offer. */
export function needsConsent(
  { policy }: Settings,
  state: State,
  id: PackageId,
  update?: Update,
): boolean {
  if (update?.isConfirmationWanted === true || isConfirmationKnown(state, id)) return true;
  return policy.consent === 'required';
}

/**
 * Also true after the package was removed, because a start does not repeat the requirement of the
 * notify.
 */
export function isConfirmationKnown({ confirmations }: State, id: PackageId): boolean {
  return confirmations.some((one) => keyOf(one) === keyOf(id));
}

/** Returns the packages that a user can accept, including those that failed too often. */
export function acceptable({ packages, history }: State): readonly PackageId[] {
  const waiting = [...packages.values()].filter(
    ({ phase }) => phase.kind === 'offered' || phase.kind === 'reporting',
  );
  const failed = [...history.values()].filter(({ outcome }) => outcome === 'failed');
  return [...new Map([...waiting, ...failed].map(({ id }) => [keyOf(id), id])).values()];
}

/** Returns the packages that a user can decline: no installer has started. */
export function declinable({ packages }: State): readonly PackageId[] {
  return [...packages.values()].filter(mayDecline).map(({ id }) => id);
}

export function mayDecline({ phase }: Package): boolean {
  if (phase.kind === 'reporting') return phase.again !== 'no';
  return phase.kind === 'offered' || phase.kind === 'accepted' || phase.kind === 'receiving';
}

/** Returns true if the package, or its next offer, waits for consent. */
export function awaitsConsent({ phase }: Package): boolean {
  return phase.kind === 'offered' || (phase.kind === 'reporting' && phase.again === 'offered');
}

// ---------------------------------------------------------------- the facts

export function withConfirmation(state: State, id: PackageId): State {
  const others = state.confirmations.filter((one) => keyOf(one) !== keyOf(id));
  return { ...state, confirmations: [...others, id].slice(-confirmationsMax) };
}

export function offered(before: State, { id, sizeBytes, update }: Of<'offered'>): State {
  const isWanted = update?.isConfirmationWanted === true;
  const state = isWanted ? withConfirmation(before, id) : before;
  const one = state.packages.get(keyOf(id));
  if (one === undefined) {
    const order = state.nextOrder;
    const rest = { isMultiPackage: false, isByPerson: false, started: undefined } as const;
    const next = put(state, { id, sizeBytes, update, order, ...rest, phase: { kind: 'offered' } });
    return { ...next, nextOrder: order + 1 };
  }
  const { phase } = one;
  if (phase.kind === 'reporting') {
    const isFirst = phase.again === 'no';
    const isByPerson = one.isByPerson && !isFirst;
    const next = { ...phase, again: isFirst ? 'offered' : phase.again } as const;
    return put(state, { ...one, sizeBytes, update, isByPerson, phase: next });
  }
  // A transfer keeps the update data of its start.
  const isOpen = phase.kind !== 'offered' && phase.kind !== 'accepted';
  return isOpen ? state : put(state, { ...one, sizeBytes, update });
}

export function consented(state: State, { id, by }: Of<'consented'>): State {
  return changePackage(state, id, (one) => {
    const { phase } = one;
    if (phase.kind !== 'offered' && phase.kind !== 'reporting') return one;
    const next =
      phase.kind === 'reporting' ? ({ ...phase, again: 'consented' } as const) : accepted;
    return { ...one, isByPerson: by === 'person', started: undefined, phase: next };
  });
}

/** A pending report stays pending. */
export function declined(state: State, id: PackageId): State {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || one.phase.kind !== 'reporting') return without(state, id);
  return changePhase(state, id, (phase) =>
    phase.kind === 'reporting' ? { ...phase, again: 'no' } : phase,
  );
}

export function consentNeeded(state: State, id: PackageId): State {
  const next = changePackage(state, id, (one) => ({ ...one, isByPerson: false }));
  return changePhase(next, id, () => ({ kind: 'offered' }));
}

/** Adds an entry for a package that no server offered. */
export function knownTo(state: State, id: PackageId): State {
  return state.packages.has(keyOf(id)) ? state : offered(state, { id, sizeBytes: 0 });
}

export function withoutStarted(state: State, id: PackageId): State {
  return changePackage(state, id, (one) => ({ ...one, started: undefined }));
}
