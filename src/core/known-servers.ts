// What is remembered of each server: bounded, and found again by the names of its services.
import { backendsMax } from '../limits.ts';
import type { Fact } from './events.ts';
import type { KnownServer, ServerServices, Package, State } from './model.ts';

export const newServer: KnownServer = {
  services: undefined,
  dialect: undefined,
  hasNoInstallTimeout: false,
  learned: { 'after-start': undefined, resume: undefined },
};

/** What was learnt of a backend comes back with its name. */
export function named(state: State, services: ServerServices): State {
  const isIt = (one: KnownServer) => isSame(one.services, services);
  const known = [...state.previousServers, state.server].filter(
    (one) => one.services !== undefined,
  );
  const server = known.find(isIt) ?? { ...newServer, services };
  const previousServers = known.filter((one) => !isIt(one)).slice(-backendsMax);
  return { ...state, server, previousServers };
}

export const isSame = (a: ServerServices | undefined, b: ServerServices | undefined) =>
  JSON.stringify(a) === JSON.stringify(b);

/** What is known of the server that offered a package. */
export function serverOf(state: State, { services }: Package): KnownServer {
  const known = [state.server, ...state.previousServers];
  return known.find((one) => isSame(one.services, services)) ?? { ...newServer, services };
}

/** Of the backend that was named last, or of the one that the fact names. */
export function learnedMethod(
  state: State,
  { context, method, services }: Extract<Fact, { readonly kind: 'resume-method-learned' }>,
): State {
  const learn = (one: KnownServer): KnownServer => ({
    ...one,
    learned: { ...one.learned, [context]: method },
  });
  if (services === undefined || isSame(state.server.services, services)) {
    return { ...state, server: learn(state.server) };
  }
  const previousServers = state.previousServers.map((one) =>
    isSame(one.services, services) ? learn(one) : one,
  );
  return { ...state, previousServers };
}

export function learnedDialect(
  state: State,
  { dialect, hasNoInstallTimeout = false }: Extract<Fact, { readonly kind: 'dialect-learned' }>,
): State {
  return { ...state, server: { ...state.server, dialect, hasNoInstallTimeout } };
}
