// The node tells when services of others come and go (protocol 1.5). Those of the server are a
// hint that it is there again, or is not: it may never come, and out of order, so nothing waits for
// it for long.
import { announcedWithinMs, awayMsMax, awayRegisterEveryMs } from '../limits.ts';
import { returnDelayMsMax, returnDelayMsMin } from '../limits.ts';
import { decision, inPhase, log, running, runningOf } from './decision-helpers.ts';
import { isLocalNode } from './retry.ts';
import type { Decision, Moment, Note } from './events.ts';
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
  if (own.length === 0) return told(kind, services);
  const { untilMs, backMs } = state.away;
  if (kind === 'services-unavailable') {
    // Said before that it is back, and overtaken.
    const isLate = backMs !== undefined && moment.nowMs - backMs < announcedWithinMs;
    return isLate ? told(kind, services) : onAway(settings, state, own, moment);
  }
  // One announcement a service: the first one counts for all.
  const isEcho = backMs !== undefined && moment.nowMs - backMs < settings.rvi.stallMs;
  if (untilMs === undefined && isEcho) return told(kind, services);
  return onBack(state, own, moment);
}

const told = (kind: ServicesRequest['kind'], services: readonly string[]) =>
  decision({ effects: [log('debug', kind, { services: services.join(' ') })] });

function isOfBackend(
  settings: Settings,
  { backend, found, packages }: State,
  name: string,
): boolean {
  const known = backend.services ?? found;
  if (known === undefined) return name.startsWith(`${settings.rvi.backend}/`);
  const offerers = [...packages.values()].flatMap(({ services }) => services ?? []);
  return [known, ...offerers].some((one) => Object.values(one).includes(name));
}

/**
 * What is said now waits in the node, and may be lost there: so it is said later. Registering goes
 * on: it shows when the node is gone, too, and a node that restarted has forgotten our services.
 */
function onAway(
  { rvi }: Settings,
  state: State,
  services: readonly string[],
  { nowMs }: Moment,
): Decision {
  const { link } = state;
  const isNews = state.away.untilMs === undefined || state.away.untilMs <= nowMs;
  const away = { ...state.away, untilMs: nowMs + awayMsMax };
  const renewAtMs = nowMs + awayRenewalMs(rvi.url);
  const sooner: readonly Note[] =
    link.kind === 'up' && renewAtMs < link.renewAtMs
      ? [{ kind: 'link', link: { ...link, renewAtMs } }]
      : [];
  const fields = { services: services.join(' ') };
  return decision({
    notes: [{ kind: 'away', away }, ...sooner],
    effects: [log(isNews ? 'warn' : 'debug', 'backend-away', fields)],
  });
}

/** How long after a registration the next one follows while the server is away. */
export function awayRenewalMs(url: string): number {
  return isLocalNode(url) ? awayRegisterEveryMs : awayMsMax;
}

/** Back-offs end; not in the same instant for a whole fleet, nor before all services are there. */
export function onBack(
  state: State,
  services: readonly string[],
  { nowMs, roll }: Moment,
): Decision {
  // Whole: a timer that comes by less than a float can tell too early would come again and again.
  const delayMs = returnDelayMsMin + Math.floor(roll * (returnDelayMsMax - returnDelayMsMin));
  const dueMs = nowMs + delayMs;
  const away = { untilMs: undefined, backMs: nowMs };
  const all = [...state.packages.values()];
  const { listing } = state;
  const listed: readonly Note[] =
    listing === undefined
      ? []
      : [{ kind: 'listing', listing: { ...listing, dueMs: Math.min(listing.dueMs, dueMs) } }];
  return decision({
    notes: [{ kind: 'away', away }, ...all.flatMap((one) => hasten(state, one, dueMs)), ...listed],
    effects: [log('info', 'backend-back', { services: services.join(' ') })],
  });
}

function hasten(state: State, one: Package, dueMs: number): readonly Note[] {
  const now = runningOf(state, one.id);
  if (now.work !== undefined || now.dueMs === undefined || now.dueMs <= dueMs) return [];
  if (inPhase(one, 'settling')) return [running(state, one.id, { dueMs })];
  // A transfer that moves is left alone: an ack too many doubles the stream (protocol 2.4).
  const isSilent = inPhase(one, 'receiving') && !one.phase.finished && now.asked > 0;
  if (!inPhase(one, 'accepted') && !isSilent) return [];
  return [running(state, one.id, { asked: 0, rung: undefined, dueMs })];
}

/** Whatever the server says, it is there. */
export function isThere({ away }: State): readonly Note[] {
  if (away.untilMs === undefined) return [];
  return [{ kind: 'away', away: { ...away, untilMs: undefined } }];
}

/** What is meant for the server is not said while it is away. */
export const whenThere = ({ away }: State, dueMs: number) => Math.max(dueMs, away.untilMs ?? 0);
