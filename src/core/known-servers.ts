// What is remembered of each server: bounded, and found again by the names of its services.
import { backendsMax } from '../limits.ts';
import type { Fact } from './events.ts';
import type { Backend, BackendServices, Package, State } from './model.ts';

export const newBackend: Backend = {
  services: undefined,
  dialect: undefined,
  isPatient: false,
  learnt: { 'after-start': undefined, resume: undefined },
};

/** What was learnt of a backend comes back with its name. */
export function named(state: State, services: BackendServices): State {
  const isIt = (one: Backend) => isSame(one.services, services);
  const known = [...state.others, state.backend].filter((one) => one.services !== undefined);
  const backend = known.find(isIt) ?? { ...newBackend, services };
  const others = known.filter((one) => !isIt(one)).slice(-backendsMax);
  return { ...state, backend, others };
}

export const isSame = (a: BackendServices | undefined, b: BackendServices | undefined) =>
  JSON.stringify(a) === JSON.stringify(b);

/** What is known of the server that offered a package. */
export function backendOf(state: State, { services }: Package): Backend {
  const known = [state.backend, ...state.others];
  return known.find((one) => isSame(one.services, services)) ?? { ...newBackend, services };
}

/** Of the backend that was named last, or of the one that the fact names. */
export function learntRung(
  state: State,
  { situation, rung, services }: Extract<Fact, { readonly kind: 'rung-learnt' }>,
): State {
  const learn = (one: Backend): Backend => ({
    ...one,
    learnt: { ...one.learnt, [situation]: rung },
  });
  if (services === undefined || isSame(state.backend.services, services)) {
    return { ...state, backend: learn(state.backend) };
  }
  const others = state.others.map((one) => (isSame(one.services, services) ? learn(one) : one));
  return { ...state, others };
}

export function learntDialect(
  state: State,
  { dialect, isPatient = false }: Extract<Fact, { readonly kind: 'dialect-learnt' }>,
): State {
  return { ...state, backend: { ...state.backend, dialect, isPatient } };
}
