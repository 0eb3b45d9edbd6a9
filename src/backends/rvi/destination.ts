// The destination and dialect of a message: the server that offered the package, or the current
// one.
import { keyOf } from '../../core/decision-helpers.ts';
import { defaultServices } from './codec/sota.ts';
import { isSame, serverOf } from './known-servers.ts';
import type { PackageId } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { DialectContext } from './codec/dialects.ts';
import type { Message, ServerServices } from './messages.ts';
import type { RviState } from './model.ts';

/** The services for messages about a package; without one: those of the current server. */
export function servicesOf(settings: Settings, own: RviState, id?: PackageId): ServerServices {
  const origin = id === undefined ? undefined : own.origins.get(keyOf(id));
  const services = origin === undefined ? own.server.services : origin.services;
  return services ?? own.discoveredServices ?? defaultServices(settings.rvi.servicePrefix);
}

/** What shows the dialect of a server: that of the package, or the current one. */
export function contextOf(
  { rvi, device }: Settings,
  own: RviState,
  id?: PackageId,
): DialectContext {
  const isKnown = id !== undefined && own.origins.has(keyOf(id));
  const { dialect } = isKnown ? serverOf(own, id) : own.server;
  return { messages: rvi.serverDialect, device, learned: dialect, names: own.ownServices };
}

/** An inventory goes to the server that requested it, even if another one is current. */
export function addressOf(
  settings: Settings,
  own: RviState,
  kind: Message['kind'],
  id: PackageId | undefined,
): { readonly to: ServerServices; readonly context: DialectContext } {
  const context = contextOf(settings, own, id);
  const to = kind === 'packages' ? own.inventoryRequest?.services : undefined;
  if (to === undefined) return { to: servicesOf(settings, own, id), context };
  const learned = own.previousServers.find((one) => isSame(one.services, to))?.dialect;
  return { to, context: { ...context, learned } };
}

/** Finds four services with one prefix; the agent's own `start` has no `ack` next to it. */
export function serverAmong(all: readonly string[]): ServerServices | undefined {
  for (const name of all) {
    if (!name.endsWith('/sota/ack')) continue;
    const services = defaultServices(name.slice(0, -'/sota/ack'.length));
    if (Object.values(services).every((one) => all.includes(one))) return services;
  }
  return undefined;
}
