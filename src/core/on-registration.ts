// The way to the node: register on coming up, periodically, and after every failure (protocol
// 1.2: a node forgets registrations when it restarts or crashes, and says nothing).
import { localMessageDelayMsMax, localReconnectDelayMsMax } from '../limits.ts';
import { reconnectDelayMsMax, reconnectDelayMsMin } from '../limits.ts';
import {
  combine,
  decision,
  inPhase,
  log,
  nothing,
  running,
  runningOf,
} from './decision-helpers.ts';
import { awayRenewalMs, serverSeen, onServerOnline } from './server-availability.ts';
import { backoffMs, isLocalNode } from './retry.ts';
import type { Decision, Event, Moment, VolatileFact } from './events.ts';
import type { FailedCall, Link } from './link-state.ts';
import type { Package, State } from './model.ts';
import type { Settings } from './settings.ts';

export function register(failures: number, isRenewal = false): Decision {
  return decision({
    notes: [{ kind: 'link', link: { kind: 'registering', failures, isRenewal } }],
    effects: [{ kind: 'register' }],
  });
}

/** Without a connection there is nothing to do: the next one registers. */
export function registerAgain({ link }: State): Decision {
  if (link.kind === 'closed') return nothing;
  const isRenewal = link.kind === 'up' || (link.kind === 'registering' && link.isRenewal);
  return register(link.failures, isRenewal);
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
  const failures = state.link.kind === 'registering' ? state.link.failures : 0;
  const identified: VolatileFact = {
    kind: 'identified',
    names: event.names,
    vin,
    found: event.found,
  };
  const up: VolatileFact = { kind: 'link', link: upFrom(settings, state, failures, moment) };
  // A renewal on a sound link disturbs nothing; after an outage every silence is broken at once.
  if (state.link.kind === 'registering' && state.link.isRenewal) {
    const asked = [...state.packages.values()].flatMap((one) =>
      afterRenewal(settings, state, one, moment),
    );
    const renewed = decision({ notes: [identified, up, ...asked] });
    const isBack = state.serverAvailability.untilMs !== undefined && event.isServerListed === true;
    // The announcement of the server's return was lost, or came before we registered.
    return isBack
      ? combine(renewed, onServerOnline(state, ['listed by the node'], moment))
      : renewed;
  }
  const asked = [...state.packages.values()].flatMap((one) => retryNow(state, one, moment));
  const fields = { vin: vin ?? 'unknown', start: event.names.start };
  const { outage } = state;
  const isUnproven = outage?.kind === 'message' && (asked.length > 0 || hasMore(state));
  return decision({
    notes: [
      identified,
      up,
      ...serverSeen(state),
      ...asked,
      ...(isUnproven ? [] : [{ kind: 'outage', outage: undefined } as const]),
    ],
    effects: [
      isUnproven
        ? log('debug', 'node-reconnecting', { ...fields, reason: `registered; ${outage.reason}` })
        : log('info', 'registered', fields),
    ],
  });
}

/** Vehicles that were switched on at once do not renew at once. */
function upFrom({ rvi }: Settings, state: State, failures: number, moment: Moment): Link {
  const { nowMs, random } = moment;
  const delayMs = Math.floor(rvi.registerEveryMs * (1 - renewalJitter * random));
  const registeredAtMs = nowMs;
  const isAway = (state.serverAvailability.untilMs ?? 0) > nowMs;
  const renewAtMs = nowMs + (isAway ? Math.min(delayMs, awayRenewalMs(rvi.url)) : delayMs);
  return { kind: 'up', registeredAtMs, renewAtMs, failures };
}

/** Part of `register_every` by which a renewal may come earlier; it never comes later. */
const renewalJitter = 0.1;

/** Messages that are sent soon by timers of their own: a list, or signs of life. */
function hasMore({ packages, inventoryRequest }: State): boolean {
  const isAtWork = (one: Package) => inPhase(one, 'installing') || inPhase(one, 'rebooting');
  return inventoryRequest !== undefined || [...packages.values()].some(isAtWork);
}

/** What is asked behind a renewal leaves only now; its answer is waited for from now on. */
function afterRenewal(
  { rvi }: Settings,
  state: State,
  one: Package,
  { nowMs }: Moment,
): readonly VolatileFact[] {
  const { method, deadlineMs } = runningOf(state, one.id);
  if (!inPhase(one, 'receiving') || method === undefined || deadlineMs === undefined) return [];
  return [running(state, one.id, { deadlineMs: Math.max(deadlineMs, nowMs + rvi.stallMs) })];
}

/** What was said into an outage is said again. */
function retryNow(state: State, one: Package, moment: Moment): readonly VolatileFact[] {
  const isSpeaking =
    inPhase(one, 'accepted') ||
    (inPhase(one, 'reporting') && runningOf(state, one.id).sentAtMs === undefined) ||
    (inPhase(one, 'receiving') && !one.phase.finished);
  if (!isSpeaking || runningOf(state, one.id).activity !== undefined) return [];
  return [running(state, one.id, { attempts: 0, method: undefined, deadlineMs: moment.nowMs })];
}

/** The transport is closed, and opens itself again. */
export function onTransportDown(state: State, reason: string): Decision {
  const kind = state.outage?.kind ?? 'connection';
  return decision({
    notes: [
      { kind: 'link', link: { kind: 'closed', reason } },
      { kind: 'outage', outage: { kind, reason } },
    ],
    effects: [log(state.outage === undefined ? 'warn' : 'debug', 'node-disconnected', { reason })],
  });
}

export function onCallFailed(
  settings: Settings,
  state: State,
  failed: FailedCall,
  moment: Moment,
): Decision {
  const { link } = state;
  const { reason, call, code } = failed;
  const isMessage = call === 'message' && code !== 'refused';
  const kind = isMessage ? 'message' : (state.outage?.kind ?? 'connection');
  const outage: VolatileFact = { kind: 'outage', outage: { kind, reason } };
  // A call that ended with its connection: the transport has told of that.
  if (link.kind === 'closed') return isMessage ? decision({ notes: [outage] }) : nothing;
  if (link.kind === 'down') return nothing;
  const failures = link.failures + 1;
  const mostMs = delayMsMaxOf(settings, failed);
  const delayMs = backoffMs(failures - 1, reconnectDelayMsMin, mostMs, moment.random);
  const down = { kind: 'down', failures, dueMs: moment.nowMs + delayMs, reason } as const;
  const level = state.outage === undefined ? 'warn' : 'debug';
  return decision({
    notes: [{ kind: 'link', link: down }, outage],
    effects: [log(level, 'node-disconnected', { reason, failures, call, code })],
  });
}

/** Registering is local and cheap; a message that a node never answers takes its time. */
function delayMsMaxOf({ rvi }: Settings, { call, code }: FailedCall): number {
  if (!isLocalNode(rvi.url)) return reconnectDelayMsMax;
  const isHalf = call === 'message' && code !== 'refused' && code !== 'closed';
  return isHalf ? localMessageDelayMsMax : localReconnectDelayMsMax;
}

/** The call works again that failed: only this ends such an outage. */
export function onMessageAccepted(state: State): Decision {
  const { link, outage } = state;
  if (link.kind !== 'up' && link.kind !== 'registering') return nothing;
  const notes: readonly VolatileFact[] = [{ kind: 'link', link: { ...link, failures: 0 } }];
  if (outage === undefined) return decision({ notes });
  const fields = {
    vin: state.vin ?? 'unknown',
    start: state.ownServices?.start,
    recovered: 'message',
  };
  return decision({
    notes: [...notes, { kind: 'outage', outage: undefined }],
    effects: [log('info', 'registered', fields)],
  });
}

/** The clock was set: a certificate that was not valid may be valid now. */
export function onClockStepped({ link }: State): Decision {
  if (link.kind !== 'down') return nothing;
  return combine(
    decision({ effects: [log('debug', 'node-reconnecting', { reason: 'the clock was set' })] }),
    register(link.failures),
  );
}

/** A node that takes registrations and then nothing else is asked ever more rarely, too. */
export function carried(state: State): readonly VolatileFact[] {
  const { link, outage } = state;
  if (link.kind !== 'up' || link.failures === 0) return [];
  // What the node delivers does not prove that it accepts messages.
  if (outage?.kind === 'message') return [];
  return [{ kind: 'link', link: { ...link, failures: 0 } }];
}
