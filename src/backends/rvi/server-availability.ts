// The node announces which services appear and disappear (protocol 1.5). The server's services show
// whether it is online. An announcement may be lost, or arrive out of order, so every wait for one
// has a limit.
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
  // The node sends one announcement per service: the first one counts for all.
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
  // This announcement was overtaken by a later one that the server is online.
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
 * The node queues a message to an offline server, and may lose it, so the agent sends it later. The
 * agent still registers: this detects a failed node, and a restarted node has lost the services.
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

/** The delay between registrations while the server is offline. */
export function offlineRenewalMs(url: string): number {
  return isLocalNode(url) ? awayRegisterEveryMs : awayMsMax;
}

/**
 * Ends backoffs, after a random delay: the fleet must not send at once, and all services need time
 * to appear.
 */
export function onServerOnline(
  { core, backend }: RviAgentState,
  services: readonly string[],
  { nowMs, random }: Moment,
): Decision {
  // An integer: a timer that fires a fraction of a millisecond early would fire repeatedly.
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
  // An active transfer gets no ack: an extra ack doubles the stream (protocol 2.4).
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
