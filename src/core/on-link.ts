// The way to the node: register on coming up, periodically, and after every failure (protocol
// 1.2: a node forgets registrations when it restarts or crashes, and says nothing).
import { reconnectDelayMsMax, reconnectDelayMsMin } from '../limits.ts';
import { decision, inPhase, log, nothing, running, runningOf } from './decision.ts';
import { isThere } from './on-services.ts';
import { backoffMs } from './retry.ts';
import type { Decision, Event, Moment, Note } from './events.ts';
import type { Package, State } from './model.ts';
import type { Settings } from './settings.ts';

export function register(failures: number, isRenewal = false): Decision {
  return decision({
    notes: [{ kind: 'link', link: { kind: 'registering', failures, isRenewal } }],
    effects: [{ kind: 'register' }],
  });
}

export function onRegistered(
  settings: Settings,
  state: State,
  event: Extract<Event, { readonly kind: 'registered' }>,
  moment: Moment,
): Decision {
  // The connection that took them is gone: the next one registers anew.
  if (state.link.kind === 'closed') return nothing;
  const vin = settings.device.vin ?? event.vin;
  const renewAtMs = moment.nowMs + settings.rvi.registerEveryMs;
  const failures = state.link.kind === 'registering' ? state.link.failures : 0;
  const identified: Note = { kind: 'identified', names: event.names, vin, found: event.found };
  const up: Note = { kind: 'link', link: { kind: 'up', renewAtMs, failures } };
  // A renewal on a sound link disturbs nothing; after an outage every silence is broken at once.
  if (state.link.kind === 'registering' && state.link.isRenewal) {
    const asked = [...state.packages.values()].flatMap((one) =>
      afterRenewal(settings, state, one, moment),
    );
    return decision({ notes: [identified, up, ...asked] });
  }
  const asked = [...state.packages.values()].flatMap((one) => kick(state, one, moment));
  return decision({
    notes: [identified, up, ...isThere(state), ...asked],
    effects: [log('info', 'registered', { vin: vin ?? 'unknown', start: event.names.start })],
  });
}

/** What is asked behind a renewal leaves only now; its answer is waited for from now on. */
function afterRenewal(
  { rvi }: Settings,
  state: State,
  one: Package,
  { nowMs }: Moment,
): readonly Note[] {
  const { rung, dueMs } = runningOf(state, one.id);
  if (!inPhase(one, 'receiving') || rung === undefined || dueMs === undefined) return [];
  return [running(state, one.id, { dueMs: Math.max(dueMs, nowMs + rvi.stallMs) })];
}

/** What was said into an outage is said again. */
function kick(state: State, one: Package, moment: Moment): readonly Note[] {
  const isSpeaking =
    inPhase(one, 'accepted') ||
    (inPhase(one, 'settling') && runningOf(state, one.id).sentAtMs === undefined) ||
    (inPhase(one, 'receiving') && !one.phase.finished);
  if (!isSpeaking || runningOf(state, one.id).work !== undefined) return [];
  return [running(state, one.id, { asked: 0, rung: undefined, dueMs: moment.nowMs })];
}

export function onLinkLost(
  state: State,
  reason: string,
  isClosed: boolean,
  moment: Moment,
): Decision {
  const { link } = state;
  if (isClosed) {
    return decision({
      notes: [{ kind: 'link', link: { kind: 'closed', reason } }],
      effects: [log('warn', 'link-lost', { reason })],
    });
  }
  if (link.kind === 'closed' || link.kind === 'down') return nothing;
  const failures = link.failures + 1;
  const delayMs = backoffMs(failures - 1, reconnectDelayMsMin, reconnectDelayMsMax, moment.roll);
  const down = { kind: 'down', failures, dueMs: moment.nowMs + delayMs, reason } as const;
  return decision({
    notes: [{ kind: 'link', link: down }],
    effects: [log(failures === 1 ? 'warn' : 'debug', 'link-lost', { reason, failures })],
  });
}

/** A node that takes registrations and then nothing else is asked ever more rarely, too. */
export function carried(state: State): readonly Note[] {
  const { link } = state;
  if (link.kind !== 'up' || link.failures === 0) return [];
  return [{ kind: 'link', link: { ...link, failures: 0 } }];
}
