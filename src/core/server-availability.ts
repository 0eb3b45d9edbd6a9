// The node tells when services of others come and go (protocol 1.5). Those of the server are a
// hint that it is there again, or is not: it may never come, and out of order, so nothing waits for
// it for long.
import { announcedWithinMs, awayMsMax, awayRegisterEveryMs } from '../limits.ts';
import { returnDelayMsMax, returnDelayMsMin } from '../limits.ts';
import { decision, inPhase, log, running, runningOf } from './decision-helpers.ts';
import { isLocalNode } from './retry.ts';
import type { Decision, Moment, VolatileFact } from './events.ts';
import type { Package, Request, State } from './model.ts';
import type { Settings } from './settings.ts';

type ServicesRequest = Extract<
  Request,
  { readonly kind: 'services-available' | 'services-unavailable' }
>;

export function onServices(
  settings: Settings,
  state: State,
  { kind, services }: ServicesRequest,
  moment: Moment,
): Decision {
  const own = services.filter((name) => isOfBackend(settings, state, name));
  if (own.length === 0) return logOnly(kind, services);
  const { untilMs, backMs } = state.serverAvailability;
  if (kind === 'services-unavailable') {
    // Said before that it is back, and overtaken.
    const isLate = backMs !== undefined && moment.nowMs - backMs < announcedWithinMs;
    return isLate ? logOnly(kind, services) : onServerOffline(settings, state, own, moment);
  }
  // One announcement a service: the first one counts for all.
  const isEcho = backMs !== undefined && moment.nowMs - backMs < settings.rvi.stallMs;
  if (untilMs === undefined && isEcho) return logOnly(kind, services);
  return onServerOnline(state, own, moment);
}

const logOnly = (kind: ServicesRequest['kind'], services: readonly string[]) =>
  decision({ effects: [log('debug', kind, { services: services.join(' ') })] });

function isOfBackend(
  settings: Settings,
  { server, discoveredServices, packages }: State,
  name: string,
): boolean {
  const known = server.services ?? discoveredServices;
  if (known === undefined) return name.startsWith(`${settings.rvi.backend}/`);
  const offerers = [...packages.values()].flatMap(({ services }) => services ?? []);
  return [known, ...offerers].some((one) => Object.values(one).includes(name));
}

/**
 * What is said now waits in the node, and may be lost there: so it is said later. Registering goes
 * on: it shows when the node is gone, too, and a node that restarted has forgotten our services.
 */
function onServerOffline(
  { rvi }: Settings,
  state: State,
  services: readonly string[],
  { nowMs }: Moment,
): Decision {
  const { link } = state;
  const isNews =
    state.serverAvailability.untilMs === undefined || state.serverAvailability.untilMs <= nowMs;
  const away = { ...state.serverAvailability, untilMs: nowMs + awayMsMax };
  const renewAtMs = nowMs + awayRenewalMs(rvi.url);
  const sooner: readonly VolatileFact[] =
    link.kind === 'up' && renewAtMs < link.renewAtMs
      ? [{ kind: 'link', link: { ...link, renewAtMs } }]
      : [];
  const fields = { services: services.join(' ') };
  return decision({
    notes: [{ kind: 'away', away }, ...sooner],
    effects: [log(isNews ? 'warn' : 'debug', 'server-offline', fields)],
  });
}

/** How long after a registration the next one follows while the server is away. */
export function awayRenewalMs(url: string): number {
  return isLocalNode(url) ? awayRegisterEveryMs : awayMsMax;
}

/** Back-offs end; not in the same instant for a whole fleet, nor before all services are there. */
export function onServerOnline(
  state: State,
  services: readonly string[],
  { nowMs, random }: Moment,
): Decision {
  // Whole: a timer that comes by less than a float can tell too early would come again and again.
  const delayMs = returnDelayMsMin + Math.floor(random * (returnDelayMsMax - returnDelayMsMin));
  const dueMs = nowMs + delayMs;
  const away = { untilMs: undefined, backMs: nowMs };
  const all = [...state.packages.values()];
  const { inventoryRequest } = state;
  const listed: readonly VolatileFact[] =
    inventoryRequest === undefined
      ? []
      : [
          {
            kind: 'listing',
            listing: { ...inventoryRequest, dueMs: Math.min(inventoryRequest.dueMs, dueMs) },
          },
        ];
  return decision({
    notes: [
      { kind: 'away', away },
      ...all.flatMap((one) => retrySoon(state, one, dueMs)),
      ...listed,
    ],
    effects: [log('info', 'server-online', { services: services.join(' ') })],
  });
}

function retrySoon(state: State, one: Package, deadlineMs: number): readonly VolatileFact[] {
  const now = runningOf(state, one.id);
  if (now.activity !== undefined || now.deadlineMs === undefined || now.deadlineMs <= deadlineMs)
    return [];
  if (inPhase(one, 'reporting')) return [running(state, one.id, { deadlineMs })];
  // A transfer that moves is left alone: an ack too many doubles the stream (protocol 2.4).
  const isSilent = inPhase(one, 'receiving') && !one.phase.finished && now.attempts > 0;
  if (!inPhase(one, 'accepted') && !isSilent) return [];
  return [running(state, one.id, { attempts: 0, method: undefined, deadlineMs })];
}

/** Whatever the server says, it is there. */
export function serverSeen({ serverAvailability }: State): readonly VolatileFact[] {
  if (serverAvailability.untilMs === undefined) return [];
  return [{ kind: 'away', away: { ...serverAvailability, untilMs: undefined } }];
}

/** What is meant for the server is not said while it is away. */
export const whenAvailable = ({ serverAvailability }: State, dueMs: number) =>
  Math.max(dueMs, serverAvailability.untilMs ?? 0);
