// Registers with the node when the link comes up, periodically, and after every failure. A node
// that restarts loses the registrations, without a message (protocol 1.2).
import { localOutageDelayMsMax, reconnectDelayMsMin } from '../../limits.ts';
import { backoffMs } from '../../core/backoff.ts';
import { inPhase, log, reservationOf } from '../../core/decision-helpers.ts';
import { combine, decision, nothing } from './decision.ts';
import { note, receivingOf, reportingOf, startingOf } from './exchange.ts';
import { isLocalNode, reconnectDelayMsMaxOf } from './local-node.ts';
import { offlineRenewalMs, onServerOnline, serverSeen } from './server-availability.ts';
import type { Moment } from '../../core/events.ts';
import type { Package } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { FailedCall, Link } from './link-state.ts';
import type { Decision, RviAgentState, RviEvent, RviNote, RviState } from './model.ts';

export function register(failures: number, isRenewal = false): Decision {
  return decision({
    notes: [{ kind: 'link', link: { kind: 'registering', failures, isRenewal } }],
    effects: [{ kind: 'register' }],
  });
}

/** Does nothing without a connection: the next one registers. */
export function registerAgain({ link }: RviState): Decision {
  if (link.kind === 'closed') return nothing;
  const isRenewal = link.kind === 'up' || (link.kind === 'registering' && link.isRenewal);
  return register(link.failures, isRenewal);
}

export function onRegistered(
  settings: Settings,
  state: RviAgentState,
  event: Extract<RviEvent, { readonly kind: 'registered' }>,
  moment: Moment,
): Decision {
  const { core, backend } = state;
  const { link, outage } = backend;
  // The connection was lost since: the next one registers again.
  if (link.kind === 'closed') return nothing;
  const vin = settings.device.vin ?? event.vin;
  const failures = link.kind === 'registering' ? link.failures : 0;
  const all = [...core.packages.values()];
  const identified: readonly RviNote[] = [
    { kind: 'identified', names: event.names, vin, found: event.found },
    { kind: 'link', link: upFrom(settings, backend, failures, moment) },
  ];
  // A renewal on a working link makes nothing due; after an outage all pending messages are due.
  if (link.kind === 'registering' && link.isRenewal) {
    const awaited = all.flatMap((one) => afterRenewal(settings, backend, one, moment));
    const renewed = decision({ notes: [...identified, ...awaited] });
    const isBack =
      backend.serverAvailability.untilMs !== undefined && event.isServerListed === true;
    // The announcement that the server is online was lost, or came before the registration.
    if (!isBack) return renewed;
    return combine(renewed, onServerOnline(state, ['listed by the node'], moment));
  }
  const retried = all.flatMap((one) => retryNow(backend, one, moment));
  const fields = { vin: vin ?? 'unknown', start: event.names.start };
  const isUnproven = outage?.kind === 'message' && (retried.length > 0 || hasMore(state));
  const over: readonly RviNote[] = isUnproven ? [] : [{ kind: 'outage', outage: undefined }];
  return decision({
    notes: [...identified, ...serverSeen(backend), ...retried, ...over],
    effects: [
      isUnproven
        ? log('debug', 'node-reconnecting', { ...fields, reason: `registered; ${outage.reason}` })
        : log('info', 'registered', fields),
    ],
  });
}

/** Jitter, because many vehicles may start at the same time. */
function upFrom({ rvi }: Settings, own: RviState, failures: number, moment: Moment): Link {
  const { nowMs, random } = moment;
  const delayMs = Math.floor(rvi.registerIntervalMs * (1 - renewalJitter * random));
  const isOffline = (own.serverAvailability.untilMs ?? 0) > nowMs;
  const nextMs = isOffline ? Math.min(delayMs, offlineRenewalMs(rvi.url)) : delayMs;
  return { kind: 'up', registeredAtMs: nowMs, renewAtMs: nowMs + nextMs, failures };
}

/** The part of `register_interval` by which a renewal may come earlier; it never comes later. */
const renewalJitter = 0.1;

/** Returns true if a timer sends a message soon: an inventory or a progress ack. */
function hasMore({ core, backend }: RviAgentState): boolean {
  const isAtWork = (one: Package) => inPhase(one, 'installing') || inPhase(one, 'rebooting');
  return backend.inventoryRequest !== undefined || [...core.packages.values()].some(isAtWork);
}

/** Messages that wait for a renewal are sent after it, so their deadlines start then. */
function afterRenewal(
  { rvi }: Settings,
  own: RviState,
  one: Package,
  { nowMs }: Moment,
): readonly RviNote[] {
  if (!inPhase(one, 'receiving')) return [];
  const exchange = receivingOf(own, one.id);
  const { method, deadlineMs } = exchange;
  if (method === undefined || deadlineMs === undefined) return [];
  const laterMs = Math.max(deadlineMs, nowMs + rvi.stallTimeoutMs);
  return [note(one.id, { ...exchange, deadlineMs: laterMs })];
}

/** Sends messages of the outage again. */
function retryNow(own: RviState, one: Package, { nowMs }: Moment): readonly RviNote[] {
  const { id } = one;
  const again = { attempts: 0, deadlineMs: nowMs } as const;
  if (reservationOf(one) !== undefined) return [];
  if (inPhase(one, 'accepted')) {
    return [note(id, { ...startingOf(own, id), ...again, method: undefined })];
  }
  if (inPhase(one, 'receiving') && !one.phase.finished) {
    return [note(id, { ...receivingOf(own, id), ...again, method: undefined })];
  }
  if (!inPhase(one, 'reporting') || reportingOf(own, id).sentAtMs !== undefined) return [];
  return [note(id, { ...reportingOf(own, id), ...again })];
}

/** The transport is closed, and reconnects by itself. */
export function onTransportDown({ outage }: RviState, reason: string): Decision {
  const kind = outage?.kind ?? 'connection';
  return decision({
    notes: [
      { kind: 'link', link: { kind: 'closed', reason } },
      { kind: 'outage', outage: { kind, reason } },
    ],
    effects: [log(outage === undefined ? 'warn' : 'debug', 'node-disconnected', { reason })],
  });
}

export function onCallFailed(
  settings: Settings,
  own: RviState,
  failed: FailedCall,
  moment: Moment,
): Decision {
  const { link } = own;
  const { reason, call, code } = failed;
  const isMessage = call === 'message' && code !== 'refused';
  const kind = isMessage ? 'message' : (own.outage?.kind ?? 'connection');
  const outage: RviNote = { kind: 'outage', outage: { kind, reason } };
  // The call ended with its connection, which the transport has reported.
  if (link.kind === 'closed') return isMessage ? decision({ notes: [outage] }) : nothing;
  if (link.kind === 'down') return nothing;
  const failures = link.failures + 1;
  const mostMs = delayMsMaxOf(settings, failed, failures);
  const delayMs = backoffMs(failures - 1, reconnectDelayMsMin, mostMs, moment.random);
  const down = { kind: 'down', failures, dueMs: moment.nowMs + delayMs, reason } as const;
  const level = own.outage === undefined ? 'warn' : 'debug';
  return decision({
    notes: [{ kind: 'link', link: down }, outage],
    effects: [log(level, 'node-disconnected', { reason, failures, call, code })],
  });
}

/** A registration is retried soon; a message that the node does not answer is retried later. */
function delayMsMaxOf({ rvi }: Settings, { call, code }: FailedCall, failures: number): number {
  const isHalf = call === 'message' && code !== 'refused' && code !== 'closed';
  if (isHalf && isLocalNode(rvi.url)) return localOutageDelayMsMax;
  return reconnectDelayMsMaxOf(rvi.url, failures);
}

/** The failed call works again: only this ends such an outage. */
export function onMessageAccepted(own: RviState): Decision {
  const { link, outage } = own;
  if (link.kind !== 'up' && link.kind !== 'registering') return nothing;
  const notes: readonly RviNote[] = [{ kind: 'link', link: { ...link, failures: 0 } }];
  if (outage === undefined) return decision({ notes });
  const start = own.ownServices?.start;
  const fields = { vin: own.vin ?? 'unknown', start, recovered: 'message' };
  return decision({
    notes: [...notes, { kind: 'outage', outage: undefined }],
    effects: [log('info', 'registered', fields)],
  });
}

/** The clock was set, so a certificate may have become valid. */
export function onClockStepped({ link }: RviState): Decision {
  if (link.kind !== 'down') return nothing;
  return combine(
    decision({ effects: [log('debug', 'node-reconnecting', { reason: 'the clock was set' })] }),
    register(link.failures),
  );
}

/** The delays also grow for a node that accepts registrations but no messages. */
export function carried({ link, outage }: RviState): readonly RviNote[] {
  if (link.kind !== 'up' || link.failures === 0) return [];
  // A delivery does not prove that the node accepts messages.
  if (outage?.kind === 'message') return [];
  return [{ kind: 'link', link: { ...link, failures: 0 } }];
}
