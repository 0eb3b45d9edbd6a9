// What the server asks: notify, start, chunk, finish, abort, getpackages. Requests come late,
// twice and out of order (protocol 1.6); each handler says what it does with that.
import { unreachable } from '../assert.ts';
import {
  combine,
  decision,
  inPhase,
  keyOf,
  label,
  log,
  nothing,
  running,
  runningOf,
  transferOf,
} from './decision-helpers.ts';
import { afterFinish } from './progress-ack.ts';
import { onChunk } from './on-chunk.ts';
import { tryNextMethod, isComplete, onServerProgress } from './resume-strategy.ts';
import { conclude } from './conclude-transfer.ts';
import { onNotify } from './on-notify.ts';
import { serverSeen, onServices } from './server-availability.ts';
import { onStart, onUnusableStart } from './on-start.ts';
import { onGetPackages } from './reporting.ts';
import type { Decision, Effect, Fact, Moment, VolatileFact } from './events.ts';
import type { PackageId, Request, State } from './model.ts';
import type { Settings } from './settings.ts';

type FromServer = Exclude<
  Request,
  { readonly kind: 'services-available' | 'services-unavailable' }
>;

export function onRequest(
  settings: Settings,
  state: State,
  request: Request,
  moment: Moment,
): Decision {
  if (request.kind === 'services-available' || request.kind === 'services-unavailable') {
    return onServices(settings, state, request, moment);
  }
  const decided = onServer(settings, state, request, moment);
  return { ...decided, notes: [...serverSeen(state), ...decided.notes] };
}

function onServer(settings: Settings, state: State, request: FromServer, moment: Moment): Decision {
  switch (request.kind) {
    case 'notify':
      return onNotify(settings, state, request);
    case 'start':
      return onStart(settings, state, request, moment);
    case 'unusable-start':
      return onUnusableStart(state, request);
    case 'chunk':
      return onChunk(settings, state, request, moment);
    case 'finish':
      return onFinish(settings, state, request, moment);
    case 'abort':
      return onAbort(state, request.id);
    case 'getpackages':
      return onGetPackages(state, moment);
    default:
      return unreachable(request);
  }
}

function onFinish(
  settings: Settings,
  state: State,
  { id, signature }: Extract<Request, { readonly kind: 'finish' }>,
  moment: Moment,
): Decision {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || !inPhase(one, 'receiving')) {
    return decision({ effects: [log('debug', 'finish-unexpected', { ...id })] });
  }
  if (one.phase.finished) return nothing;
  if (!isComplete(one)) {
    // The server believes in chunks that we do not hold: say at once what is missing.
    const { count } = one.phase.transfer.chunks;
    const early = log('warn', 'finish-incomplete', { ...id, held: count });
    return combine(decision({ effects: [early] }), tryNextMethod(settings, state, one, moment));
  }
  const { facts } = onServerProgress(settings, state, one, moment);
  const { number } = one.phase.transfer;
  const signed = signature === undefined ? {} : { signature };
  return combine(
    decision({
      facts: [...facts, { kind: 'transfer-complete', number, ...signed }],
      notes: afterFinish(settings, moment),
    }),
    conclude(
      state,
      { ...one, phase: { ...one.phase, finished: true } },
      { method: undefined, deadlineMs: undefined, finishDeadlineMs: undefined },
    ),
  );
}

/** Before the install: stop and forget the data. During or after it: nothing (protocol 5.11). */
function onAbort(state: State, id: PackageId | undefined): Decision {
  const meant = [...state.packages.values()].filter(
    (one) => id === undefined || keyOf(one.id) === keyOf(id),
  );
  const facts: Fact[] = [];
  const effects: Effect[] = [];
  for (const one of meant) {
    const isNamed = id !== undefined && ['offered', 'accepted'].includes(one.phase.kind);
    if (inPhase(one, 'offered') && one.started !== undefined && !isNamed) {
      // The server gave up what it had started; the offer stands.
      facts.push({ kind: 'start-deferred', id: one.id });
      effects.push(log('info', 'abort-ignored', { package: label(one.id) }));
      continue;
    }
    const isStarting =
      inPhase(one, 'accepted') && runningOf(state, one.id).reservation !== undefined;
    if (!inPhase(one, 'receiving') && !isNamed && !isStarting) continue;
    facts.push({ kind: 'aborted', id: one.id });
    effects.push(log('warn', 'aborted-by-server', { package: label(one.id) }));
    const number = transferOf(one)?.number;
    if (number !== undefined) effects.push({ kind: 'discard', number });
  }
  if (facts.length === 0) effects.push(log('info', 'abort-ignored', {}));
  // What was to be received again although its report is owed stays as it was.
  const notes: readonly VolatileFact[] = meant
    .filter(
      (one) => inPhase(one, 'reporting') && runningOf(state, one.id).reservation !== undefined,
    )
    .map((one) => running(state, one.id, { activity: undefined, reservation: undefined }));
  return decision({ facts, notes, effects });
}
