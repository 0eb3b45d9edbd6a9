// Handles the server's requests: notify, start, chunk, finish, abort, getpackages. They may arrive
// late, twice or out of order (protocol 1.6), so each handler covers these cases.
import {
  inPhase,
  keyOf,
  label,
  log,
  packageIn,
  reservationOf,
} from '../../core/decision-helpers.ts';
import { cancel, cancelReservation } from '../../core/offers.ts';
import { complete } from '../../core/transfers.ts';
import { combine, decision, nothing } from './decision.ts';
import { note } from './exchange.ts';
import { onChunk } from './on-chunk.ts';
import { onNotify } from './on-notify.ts';
import { onStart, onUnusableStart } from './on-start.ts';
import { afterFinish } from './progress-ack.ts';
import { onGetPackages } from './reporting.ts';
import { isComplete, onServerProgress, tryNextMethod } from './resume-strategy.ts';
import { onServicesAvailable, onServicesUnavailable, serverSeen } from './server-availability.ts';
import type { Moment } from '../../core/events.ts';
import type { Package, PackageId } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Request } from './messages.ts';
import type { Decision, RviAgentState } from './model.ts';

type Of<K extends Request['kind']> = Extract<Request, { readonly kind: K }>;

type Table = {
  readonly [K in Request['kind']]: (
    settings: Settings,
    state: RviAgentState,
    request: Of<K>,
    moment: Moment,
  ) => Decision;
};

const fromNode: Pick<Table, 'services-available' | 'services-unavailable'> = {
  'services-available': onServicesAvailable,
  'services-unavailable': onServicesUnavailable,
};

const table: Table = {
  ...fromNode,
  notify: onNotify,
  start: onStart,
  'unusable-start': (_, state, request) => onUnusableStart(state, request),
  chunk: onChunk,
  finish: onFinish,
  abort: (_, state, { id }) => onAbort(state, id),
  getpackages: (_, state, __, moment) => onGetPackages(state, moment),
};

export function onRequest<K extends Request['kind']>(
  settings: Settings,
  state: RviAgentState,
  request: Of<K>,
  moment: Moment,
): Decision {
  const kind: K = request.kind;
  const decided = table[kind](settings, state, request, moment);
  if (Object.hasOwn(fromNode, kind)) return decided;
  return { ...decided, notes: [...serverSeen(state.backend), ...decided.notes] };
}

function onFinish(
  settings: Settings,
  state: RviAgentState,
  { id, signature }: Of<'finish'>,
  moment: Moment,
): Decision {
  const one = packageIn(state.core, id, 'receiving');
  if (one === undefined)
    return decision({ effects: [log('debug', 'finish-unexpected', { ...id })] });
  if (one.phase.finished) return nothing;
  if (!isComplete(one)) {
    // Chunks are missing: the next ack shows the server which ones.
    const held = one.phase.transfer.chunks.count;
    const early = log('warn', 'finish-incomplete', { ...id, held });
    return combine(decision({ effects: [early] }), tryNextMethod(settings, state, one, moment));
  }
  const { facts, exchange } = onServerProgress(settings, state.backend, one, moment);
  const done = { ...exchange, deadlineMs: undefined, finishDeadlineMs: undefined };
  const notes = [note(id, done), ...afterFinish(settings, moment)];
  return combine(decision({ facts, notes }), complete(one, signature));
}

/** Before the install: discards the transfer. During or after it: does nothing (protocol 5.11). */
function onAbort({ core }: RviAgentState, id: PackageId | undefined): Decision {
  const isMeant = (one: Package) => id === undefined || keyOf(one.id) === keyOf(id);
  const each = [...core.packages.values()].filter(isMeant).map((one) => abort(one, id));
  const decided = combine(...each);
  const isIgnored = decided.facts.length === 0;
  return isIgnored
    ? combine(decided, decision({ effects: [log('info', 'abort-ignored', {})] }))
    : decided;
}

function abort(one: Package, named: PackageId | undefined): Decision {
  const isNamed = named !== undefined && ['offered', 'accepted'].includes(one.phase.kind);
  if (inPhase(one, 'offered') && one.started !== undefined && !isNamed) {
    // The server aborted its transfer; the offer stays.
    return decision({
      facts: [{ kind: 'start-deferred', id: one.id }],
      effects: [log('info', 'abort-ignored', { package: label(one.id) })],
    });
  }
  const isReserving = reservationOf(one) !== undefined;
  // The report of the earlier outcome stays due.
  if (inPhase(one, 'reporting') && isReserving) return cancelReservation(one.id);
  const isStarting = inPhase(one, 'accepted') && isReserving;
  return inPhase(one, 'receiving') || isNamed || isStarting ? cancel(one) : nothing;
}
