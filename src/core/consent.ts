// Who must say yes before a package is received, and what the facts about that mean. Consent
// belongs to a name and a version (an update: to its id) and ends with the outcome.
import { confirmationsMax } from '../limits.ts';
import { changePhase, put, without } from './state-updates.ts';
import { keyOf } from './decision-helpers.ts';
import type { Fact } from './events.ts';
import type { ServerServices, Package, PackageId, State, Update } from './model.ts';
import type { Settings } from './settings.ts';

// ---------------------------------------------------------------- the rules

/** A person must accept an offer. */
export function needsConsent(
  { policy }: Settings,
  state: State,
  id: PackageId,
  update?: Update,
): boolean {
  if (update?.isConfirmationWanted === true || isConfirmationKnown(state, id)) return true;
  return policy.accept === 'ask';
}

/** Nobody accepted this package: may the server transfer it all the same? */
export function mayStart(settings: Settings, state: State, id: PackageId): boolean {
  if (!needsConsent(settings, state, id)) return true;
  if (settings.policy.dependencies === 'ask' || isConfirmationKnown(state, id)) return false;
  // An update is a whole: only packages have dependencies (protocol 2.1).
  return id.version !== '' && [...state.packages.values()].some(isAccepted);
}

function isAccepted({ phase }: Package): boolean {
  if (phase.kind === 'reporting') return phase.report.code !== 'user-declined';
  return phase.kind !== 'offered';
}

/** Also after the package is gone: a start alone does not tell what the notify told. */
export function isConfirmationKnown({ confirmations }: State, id: PackageId): boolean {
  return confirmations.some((one) => keyOf(one) === keyOf(id));
}

// ---------------------------------------------------------------- the facts

export function withConfirmation(state: State, id: PackageId): State {
  const others = state.confirmations.filter((one) => keyOf(one) !== keyOf(id));
  return { ...state, confirmations: [...others, id].slice(-confirmationsMax) };
}

export function offered(
  before: State,
  { id, sizeBytes, update }: Omit<Extract<Fact, { readonly kind: 'offered' }>, 'kind'>,
): State {
  const isWanted = update?.isConfirmationWanted === true;
  const state = isWanted ? withConfirmation(before, id) : before;
  const { services } = state.server;
  const one = state.packages.get(keyOf(id));
  if (one === undefined) {
    const order = state.nextOrder;
    const about = { id, sizeBytes, update, services, order } as const;
    const rest = { isMultiPackage: false, isByPerson: false, started: undefined } as const;
    const next = put(state, { ...about, ...rest, phase: { kind: 'offered' } });
    return { ...next, nextOrder: order + 1 };
  }
  const { phase } = one;
  if (phase.kind === 'reporting') {
    const isFirst = phase.again === 'no';
    const again = isFirst ? 'offered' : phase.again;
    const isByPerson = one.isByPerson && !isFirst;
    const next = { ...phase, again, offeredBy: services };
    return put(state, { ...one, sizeBytes, update, isByPerson, phase: next });
  }
  // A transfer keeps the server that it came from.
  const isOpen = phase.kind !== 'offered' && phase.kind !== 'accepted';
  return isOpen ? state : put(state, { ...one, sizeBytes, update, services });
}

export function consented(
  state: State,
  { id, by }: Extract<Fact, { readonly kind: 'consented' }>,
): State {
  const one = state.packages.get(keyOf(id));
  if (one === undefined) return state;
  const { kind } = one.phase;
  if (kind !== 'offered' && kind !== 'reporting') return state;
  const next = put(state, { ...one, isByPerson: by === 'person', started: undefined });
  return changePhase(next, id, (phase) =>
    phase.kind === 'reporting' ? { ...phase, again: 'consented' } : { kind: 'accepted' },
  );
}

/** A report that is owed stays owed. */
export function declined(state: State, id: PackageId): State {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || one.phase.kind !== 'reporting') return without(state, id);
  return changePhase(state, id, (phase) =>
    phase.kind === 'reporting' ? { ...phase, again: 'no', offeredBy: undefined } : phase,
  );
}

export function consentNeeded(state: State, id: PackageId): State {
  const one = state.packages.get(keyOf(id));
  if (one === undefined) return state;
  const next = put(state, { ...one, services: servicesNow(one), isByPerson: false });
  return changePhase(next, id, () => ({ kind: 'offered' }));
}

/** The report goes to the server of the last offer, what follows it to that of the next. */
export function servicesNow({ phase, services }: Package): ServerServices | undefined {
  return phase.kind === 'reporting' && phase.again !== 'no' ? phase.offeredBy : services;
}

export function knownTo(state: State, id: PackageId): State {
  return state.packages.has(keyOf(id)) ? state : offered(state, { id, sizeBytes: 0 });
}

/** What follows the report belongs to the server that offered the package last. */
export function withoutStarted(state: State, id: PackageId): State {
  const one = state.packages.get(keyOf(id));
  if (one === undefined) return state;
  return put(state, { ...one, services: servicesNow(one), started: undefined });
}
