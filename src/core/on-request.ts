// What the server asks: notify, start, chunk, finish, abort, getpackages. Requests come late,
// twice and out of order (protocol 1.6); each handler says what it does with that.
import { unreachable } from '../assert.ts';
import { packagesMax, transfersMax } from '../limits.ts';
import {
  both,
  decision,
  inPhase,
  keyOf,
  label,
  ledgerKeyOf,
  log,
  nothing,
  refuse,
  running,
  runningOf,
  transferOf,
} from './decision.ts';
import { afterFinish } from './keep-alive.ts';
import { onChunk } from './on-chunk.ts';
import { climb, isComplete, moved } from './ladder.ts';
import { applyAll, applyNote } from './apply.ts';
import { attemptsOf } from './change.ts';
import { conclude, settleStart } from './outcome.ts';
import { isAnother, onAnother } from './on-another.ts';
import { isThere, onServices } from './on-services.ts';
import { isSaid, onGetPackages, sendReport } from './reporting.ts';
import type { InPhase } from './decision.ts';
import type { Decision, Effect, Fact, Moment, StartRequest } from './events.ts';
import type { BackendServices, PackageId, Request, State } from './model.ts';
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
  return { ...decided, notes: [...isThere(state), ...decided.notes] };
}

function onServer(
  settings: Settings,
  state: State,
  request: FromServer,
  moment: Moment,
): Decision {
  switch (request.kind) {
    case 'notify':
      return onNotify(settings, state, request);
    case 'start':
      return onStart(settings, state, request, moment);
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

/** Durable before anything follows from it: the server never repeats a notify (protocol 2.1). */
function onNotify(
  settings: Settings,
  state: State,
  request: Extract<Request, { kind: 'notify' }>,
): Decision {
  const facts: Fact[] = [];
  const effects: Effect[] = request.refused.map((reason) =>
    log('warn', 'offer-refused', { reason }),
  );
  if (request.services !== undefined && isNews(state, request.services)) {
    facts.push({ kind: 'backend-named', services: request.services });
  }
  const { backend } = applyAll(state, facts);
  const { dialect, isPatient = false } = request;
  const isKnown = backend.dialect === dialect && backend.isPatient === isPatient;
  if (dialect !== undefined && !isKnown) {
    facts.push({ kind: 'dialect-learnt', dialect, ...(isPatient ? { isPatient } : {}) });
  }
  let known = state.packages.size;
  for (const { id, sizeBytes, update } of request.offers) {
    const one = state.packages.get(keyOf(id));
    if (one !== undefined && one.phase.kind !== 'settling') continue;
    if (one === undefined && known >= packagesMax) {
      effects.push(log('warn', 'too-many-packages', { ...id, limit: packagesMax }));
      continue;
    }
    if (one === undefined) known += 1;
    facts.push({ kind: 'offered', id, sizeBytes, ...(update === undefined ? {} : { update }) });
    const isAsked = update?.isConfirmationWanted === true || settings.policy.accept === 'ask';
    if (!isAsked) facts.push({ kind: 'consented', id });
    const about = update === undefined ? {} : { description: update.description };
    effects.push(log('info', 'package-offered', { ...id, ...about, sizeBytes, isAsked }));
  }
  return decision({ facts, effects });
}

function isNews(state: State, services: BackendServices): boolean {
  const known = state.backend.services;
  return known === undefined || JSON.stringify(known) !== JSON.stringify(services);
}

function onStart(settings: Settings, state: State, start: StartRequest, moment: Moment): Decision {
  const one = state.packages.get(keyOf(start.id));
  if (one === undefined) {
    // A dependency that was in no notify (protocol 2.1) is wanted because a package that needs it
    // is.
    if (settings.policy.accept === 'ask' && !isAnyWanted(state)) {
      return refuse('start-not-accepted', { ...start.id });
    }
    if (state.packages.size >= packagesMax) return refuse('too-many-packages', { ...start.id });
    return reserve(settings, state, start);
  }
  if (isAnother(one, start)) return onAnother(one, start);
  if (inPhase(one, 'receiving')) return onStartAgain(settings, state, one, start, moment);
  if (inPhase(one, 'settling')) return onStartSettled(settings, state, one, start, moment);
  switch (one.phase.kind) {
    case 'offered':
      return refuse('start-not-accepted', { ...start.id });
    case 'accepted':
      return reserve(settings, state, start);
    default:
      return refuse('start-while-installing', { ...start.id });
  }
}

const isAnyWanted = (state: State) =>
  [...state.packages.values()].some(({ phase }) => phase.kind !== 'offered');

/**
 * Before our report the server has yet to hear of it. After it, it hears of it again: a start that
 * came late is no reason to receive and install the same once more. Another file is.
 */
function onStartSettled(
  settings: Settings,
  state: State,
  one: InPhase<'settling'>,
  start: StartRequest,
  moment: Moment,
): Decision {
  if (!isSaid(state, one)) {
    return refuse('start-before-report', { ...start.id });
  }
  const last = [...state.ledger.values()].findLast(({ id }) => keyOf(id) === keyOf(one.id));
  const isSame = last?.checksum === start.checksum;
  const isDeclined = one.phase.report.code === 'user-declined';
  if (isSame || isDeclined) return sendReport(state, one, moment);
  return reserve(settings, state, start);
}

/** Space first: "disk full" is said before the download, and not in it. */
function reserve(settings: Settings, state: State, start: StartRequest): Decision {
  const { id, checksum, chunksCount } = start;
  const { room } = runningOf(state, id);
  if (room?.checksum === checksum && room.chunksCount === chunksCount) return nothing;
  const taken = [...state.packages.values()].filter(
    (one) => transferOf(one) !== undefined || runningOf(state, one.id).room !== undefined,
  );
  if (taken.length >= transfersMax && room === undefined) {
    return refuse('too-many-transfers', { ...id });
  }
  const attempts = attemptsOf(state, id, checksum);
  if (attempts >= settings.installer.attempts) return refuseTried(state, start, attempts);
  const known = state.packages.has(keyOf(id));
  const number = state.nextNumber;
  return decision({
    facts: known
      ? []
      : [
          { kind: 'offered', id, sizeBytes: 0 },
          { kind: 'consented', id },
        ],
    notes: [
      { kind: 'number-taken' },
      running(state, id, { work: 'reserving', room: { number, checksum, chunksCount } }),
    ],
    effects: [{ kind: 'reserve', start, number }],
  });
}

/** Attempts are counted across downloads: the same bytes fail again in the same way (P4). */
function refuseTried(state: State, { id, checksum }: StartRequest, attempts: number): Decision {
  const last = state.ledger.get(ledgerKeyOf(id, checksum))?.description ?? '';
  const description =
    `attempted ${attempts} times${last === '' ? '' : `, the last: ${last}`}; ` +
    `tried again after 'sota-agent accept' or with another checksum`;
  return settleStart(undefined, { id, status: false, code: 'install-failed', description });
}

/** The same file goes on where it stands; another one begins anew. */
function onStartAgain(
  settings: Settings,
  state: State,
  one: InPhase<'receiving'>,
  start: StartRequest,
  moment: Moment,
): Decision {
  const { transfer } = one.phase;
  if (transfer.checksum !== start.checksum || transfer.chunksCount !== start.chunksCount) {
    const given: Decision = decision({
      facts: [{ kind: 'closed', id: one.id }],
      effects: [
        log('warn', 'transfer-replaced', {
          ...one.id,
          was: transfer.checksum,
          now: start.checksum,
        }),
        { kind: 'discard', number: transfer.number },
      ],
    });
    return both(given, reserve(settings, applyAll(state, given.facts), start));
  }
  // An ack could reach the exchange of another package; the report answers this start.
  if (one.phase.finished) return refuse('start-after-finish', { ...start.id });
  const after = applyNote(
    state,
    running(state, one.id, { asked: 0, situation: 'after-start', rung: undefined }),
  );
  return climb(settings, after, one, moment);
}

function onFinish(
  settings: Settings,
  state: State,
  { id, signature }: Extract<Request, { readonly kind: 'finish' }>,
  moment: Moment,
): Decision {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || !inPhase(one, 'receiving')) {
    return decision({ effects: [log('debug', 'finish-ignored', { ...id })] });
  }
  if (one.phase.finished) return nothing;
  if (!isComplete(one)) {
    // The server believes in chunks that we do not hold: say at once what is missing.
    const { count } = one.phase.transfer.held;
    const early = log('warn', 'finish-too-early', { ...id, held: count });
    return both(decision({ effects: [early] }), climb(settings, state, one, moment));
  }
  const { facts } = moved(settings, state, one, moment);
  const { number } = one.phase.transfer;
  const signed = signature === undefined ? {} : { signature };
  return both(
    decision({
      facts: [...facts, { kind: 'finished', number, ...signed }],
      notes: afterFinish(settings, moment),
    }),
    conclude(
      state,
      { ...one, phase: { ...one.phase, finished: true } },
      { rung: undefined, dueMs: undefined, finishDueMs: undefined },
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
    const isStarting = inPhase(one, 'accepted') && runningOf(state, one.id).room !== undefined;
    if (!inPhase(one, 'receiving') && !isNamed && !isStarting) continue;
    facts.push({ kind: 'aborted', id: one.id });
    effects.push(log('warn', 'aborted-by-server', { package: label(one.id) }));
    const number = transferOf(one)?.number;
    if (number !== undefined) effects.push({ kind: 'discard', number });
  }
  if (facts.length === 0) effects.push(log('info', 'abort-ignored', {}));
  // What was to be received again although its report is owed stays as it was.
  const notes = meant
    .filter((one) => inPhase(one, 'settling') && runningOf(state, one.id).room !== undefined)
    .map((one) => running(state, one.id, { work: undefined, room: undefined }));
  return decision({ facts, notes, effects });
}
