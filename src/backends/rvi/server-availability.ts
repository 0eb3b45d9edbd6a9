// The node announces when services of others appear and disappear (protocol 1.5). Those of the
// server are a hint that it is online, or offline: an announcement may be lost, or arrive out of
// order, so nothing waits for one for long.
import {
  announcedWithinMs,
  awayMsMax,
  awayRegisterEveryMs,
  returnDelayMsMax,
  returnDelayMsMin,
} from '../../limits.ts';
import { inPhase, log, reservationOf } from '../../core/decision-helpers.ts';
import { decision } from './decision.ts';
import { note, receivingOf, reportingOf, startingOf } from './exchange.ts';
import { isLocalNode } from './local-node.ts';
import type { Moment } from '../../core/events.ts';
import type { Package } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Request } from './messages.ts';
import type { Decision, RviAgentState, RviNote, RviState } from './model.ts';

type Of<K extends Request['kind']> = Extract<Request, { readonly kind: K }>;
type Kind = 'services-available' | 'services-unavailable';

export function onServicesAvailable(
  settings: Settings,
  state: RviAgentState,
  { kind, services }: Of<'services-available'>,
  moment: Moment,
): Decision {
  const known = services.filter((name) => isOfServer(settings, state.backend, name));
  const { untilMs, backMs } = state.backend.serverAvailability;
  // One announcement a service: the first one counts for all.
  const isEcho = backMs !== undefined && moment.nowMs - backMs < settings.rvi.stallTimeoutMs;
  if (known.length === 0 || (untilMs === undefined && isEcho)) return logOnly(kind, services);
  return onServerOnline(state, known, moment);
}

export function onServicesUnavailable(
  settings: Settings,
  { backend }: RviAgentState,
  { kind, services }: Of<'services-unavailable'>,
  moment: Moment,
): Decision {
  const known = services.filter((name) => isOfServer(settings, backend, name));
  const { backMs } = backend.serverAvailability;
  // Sent before the announcement of the return, and overtaken by it.
  const isLate = backMs !== undefined && moment.nowMs - backMs < announcedWithinMs;
  if (known.length === 0 || isLate) return logOnly(kind, services);
  return onServerOffline(settings, backend, known, moment);
}

const logOnly = (kind: Kind, services: readonly string[]) =>
  decision({ effects: [log('debug', kind, { services: services.join(' ') })] });

function isOfServer(
  settings: Settings,
  { server, discoveredServices, origins }: RviState,
  name: string,
): boolean {
  const known = server.services ?? discoveredServices;
  if (known === undefined) return name.startsWith(`${settings.rvi.servicePrefix}/`);
  const offerers = [...origins.values()].flatMap(({ services }) => services ?? []);
  return [known, ...offerers].some((one) => Object.values(one).includes(name));
}

/**
 * A message to an offline server waits in the node, and may be lost there: it is sent later. The
 * agent still registers: that shows when the node is gone, too, and a node that restarted has
 * forgotten the services.
 */
function onServerOffline(
  { rvi }: Settings,
  { link, serverAvailability }: RviState,
  services: readonly string[],
  { nowMs }: Moment,
): Decision {
  const isNews = serverAvailability.untilMs === undefined || serverAvailability.untilMs <= nowMs;
  const away = { ...serverAvailability, untilMs: nowMs + awayMsMax };
  const renewAtMs = nowMs + offlineRenewalMs(rvi.url);
  const sooner: readonly RviNote[] =
    link.kind === 'up' && renewAtMs < link.renewAtMs
      ? [{ kind: 'link', link: { ...link, renewAtMs } }]
      : [];
  const fields = { services: services.join(' ') };
  return decision({
    notes: [{ kind: 'away', away }, ...sooner],
    effects: [log(isNews ? 'warn' : 'debug', 'server-offline', fields)],
  });
}

/** How long after a registration the next one follows while the server is offline. */
export function offlineRenewalMs(url: string): number {
  return isLocalNode(url) ? awayRegisterEveryMs : awayMsMax;
}

/** Back-offs end; not in the same instant for a whole fleet, nor before all services are there. */
export function onServerOnline(
  { core, backend }: RviAgentState,
  services: readonly string[],
  { nowMs, random }: Moment,
): Decision {
  // Whole: a timer that fires early by a fraction of a millisecond would fire again and again.
  const delayMs = returnDelayMsMin + Math.floor(random * (returnDelayMsMax - returnDelayMsMin));
  const dueMs = nowMs + delayMs;
  const away = { untilMs: undefined, backMs: nowMs };
  const sooner = [...core.packages.values()].flatMap((one) => retrySoon(backend, one, dueMs));
  const { inventoryRequest } = backend;
  const listed: readonly RviNote[] =
    inventoryRequest === undefined
      ? []
      : [
          {
            kind: 'listing',
            listing: { ...inventoryRequest, dueMs: Math.min(inventoryRequest.dueMs, dueMs) },
          },
        ];
  return decision({
    notes: [{ kind: 'away', away }, ...sooner, ...listed],
    effects: [log('info', 'server-online', { services: services.join(' ') })],
  });
}

function retrySoon(own: RviState, one: Package, dueMs: number): readonly RviNote[] {
  const { id } = one;
  const isLater = (deadlineMs: number | undefined) =>
    deadlineMs !== undefined && deadlineMs > dueMs;
  if (reservationOf(one) !== undefined) return [];
  if (inPhase(one, 'reporting')) {
    const exchange = reportingOf(own, id);
    return isLater(exchange.deadlineMs) ? [note(id, { ...exchange, deadlineMs: dueMs })] : [];
  }
  const again = { attempts: 0, method: undefined, deadlineMs: dueMs } as const;
  if (inPhase(one, 'accepted')) {
    const exchange = startingOf(own, id);
    return isLater(exchange.deadlineMs) ? [note(id, { ...exchange, ...again })] : [];
  }
  if (!inPhase(one, 'receiving') || one.phase.finished) return [];
  const exchange = receivingOf(own, id);
  // A transfer that moves is left alone: an ack too many doubles the stream (protocol 2.4).
  const isSilent = exchange.attempts > 0;
  return isSilent && isLater(exchange.deadlineMs) ? [note(id, { ...exchange, ...again })] : [];
}

/** A message from the server shows that it is online. */
export function serverSeen({ serverAvailability }: RviState): readonly RviNote[] {
  if (serverAvailability.untilMs === undefined) return [];
  return [{ kind: 'away', away: { ...serverAvailability, untilMs: undefined } }];
}

/** A message to the server is not sent while the server is offline. */
export const whenAvailable = ({ serverAvailability }: RviState, dueMs: number) =>
  Math.max(dueMs, serverAvailability.untilMs ?? 0);
