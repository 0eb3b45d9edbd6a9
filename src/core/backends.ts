// What is remembered of each server: bounded, and found again by the names of its services.
import { backendsMax } from '../limits.ts';
import type { Fact } from './events.ts';
import type { Backend, BackendServices, State } from './model.ts';

export const newBackend: Backend = {
  services: undefined,
  dialect: undefined,
  isPatient: false,
  learnt: { 'after-start': undefined, resume: undefined },
};

/** What was learnt of a backend comes back with its name. */
export function named(state: State, services: BackendServices): State {
  const isIt = (one: Backend) => JSON.stringify(one.services) === JSON.stringify(services);
  const known = [...state.others, state.backend].filter((one) => one.services !== undefined);
  const backend = known.find(isIt) ?? { ...newBackend, services };
  const others = known.filter((one) => !isIt(one)).slice(-backendsMax);
  return { ...state, backend, others };
}

export function learntDialect(
  state: State,
  { dialect, isPatient = false }: Extract<Fact, { readonly kind: 'dialect-learnt' }>,
): State {
  return { ...state, backend: { ...state.backend, dialect, isPatient } };
}
