// The known servers, up to a limit. The names of its services identify a server.
import { backendsMax } from '../../limits.ts';
import { keyOf } from '../../core/decision-helpers.ts';
import type { PackageId } from '../../core/model.ts';
import type { ServerServices } from './messages.ts';
import type { KnownServer, RviFact, RviState } from './model.ts';

type Of<K extends RviFact['kind']> = Extract<RviFact, { readonly kind: K }>;

export const newServer: KnownServer = {
  services: undefined,
  dialect: undefined,
  hasNoInstallTimeout: false,
  learned: { 'after-start': undefined, resume: undefined, ack: undefined },
};

/** A server that is named again keeps what was learned about it. */
export function named(state: RviState, { services }: Of<'server-named'>): RviState {
  const isIt = (one: KnownServer) => isSame(one.services, services);
  const known = [...state.previousServers, state.server].filter(
    (one) => one.services !== undefined,
  );
  const server = known.find(isIt) ?? { ...newServer, services };
  const previousServers = known.filter((one) => !isIt(one)).slice(-backendsMax);
  return { ...state, server, previousServers };
}

export function isSame(a: ServerServices | undefined, b: ServerServices | undefined): boolean {
  if (a === b || a === undefined || b === undefined) return a === b;
  const { start, ack, report, packages } = a;
  return start === b.start && ack === b.ack && report === b.report && packages === b.packages;
}

/** The services of the server that offered a package; undefined: no notify named any. */
export function servicesOfOrigin(state: RviState, id: PackageId): ServerServices | undefined {
  return state.origins.get(keyOf(id))?.services;
}

/** Returns the server that offered a package. */
export function serverOf(state: RviState, id: PackageId): KnownServer {
  const services = servicesOfOrigin(state, id);
  const known = [state.server, ...state.previousServers];
  return known.find((one) => isSame(one.services, services)) ?? { ...newServer, services };
}

/**
 * How a fact names the server that offered a package: by its services, or as the server that was
 * named last. Undefined: there is no entry for it, because no notify has named it.
 */
export function learnedOf(
  state: RviState,
  id: PackageId,
): { readonly services?: ServerServices } | undefined {
  const services = servicesOfOrigin(state, id);
  if (isSame(services, state.server.services)) return {};
  return services === undefined ? undefined : { services };
}

type Learned = Partial<KnownServer['learned']>;

export function learnedMethod(
  state: RviState,
  { context, method, services }: Of<'resume-method-learned'>,
): RviState {
  return learn(state, services, { [context]: method });
}

export function learnedAckList(
  state: RviState,
  { list, services }: Of<'ack-list-learned'>,
): RviState {
  return learn(state, services, { ack: list === 'unknown' ? undefined : list });
}

/** Changes the server that the fact names, or the one that was named last. */
function learn(state: RviState, services: ServerServices | undefined, news: Learned): RviState {
  const taught = (one: KnownServer) => ({ ...one, learned: { ...one.learned, ...news } });
  if (services === undefined || isSame(state.server.services, services)) {
    return { ...state, server: taught(state.server) };
  }
  const previousServers = state.previousServers.map((one) =>
    isSame(one.services, services) ? taught(one) : one,
  );
  return { ...state, previousServers };
}

export function learnedDialect(
  state: RviState,
  { dialect, hasNoInstallTimeout = false }: Of<'dialect-learned'>,
): RviState {
  return { ...state, server: { ...state.server, dialect, hasNoInstallTimeout } };
}
