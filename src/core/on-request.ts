// What the server asks: notify, start, chunk, finish, abort, getpackages. Requests come late,
// twice and out of order (protocol 1.6); each handler says what it does with that.
import { unreachable } from '../assert.ts';
import { listingDelayMs, packagesMax, transfersMax } from '../limits.ts';
import {
  both,
  decision,
  idle,
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
import { onChunk } from './on-chunk.ts';
import { climb, isComplete, moved } from './ladder.ts';
import { applyNote } from './apply.ts';
import { conclude, settle } from './outcome.ts';
import type { InPhase } from './decision.ts';
import type { Decision, Effect, Fact, Moment, StartRequest } from './events.ts';
import type { BackendServices, Package, PackageId, Request, State } from './model.ts';
import type { Settings } from './settings.ts';

export function onRequest(
  settings: Settings,
  state: State,
  request: Request,
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
      return onFinish(settings, state, request.id, moment);
    case 'abort':
      return onAbort(state, request.id);
    case 'getpackages':
      return onGetPackages(state, moment);
    case 'services-available':
    case 'services-unavailable': {
      const fields = { services: request.services.join(' ') };
      return decision({ effects: [log('debug', request.kind, fields)] });
    }
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
  let known = state.packages.size;
  for (const { id, sizeBytes } of request.offers) {
    const one = state.packages.get(keyOf(id));
    if (one !== undefined && one.phase.kind !== 'settling') continue;
    if (one === undefined && known >= packagesMax) {
      effects.push(log('warn', 'too-many-packages', { ...id, limit: packagesMax }));
      continue;
    }
    if (one === undefined) known += 1;
    facts.push({ kind: 'offered', id, sizeBytes });
    if (settings.policy.accept === 'auto') facts.push({ kind: 'consented', id });
    effects.push(log('info', 'package-offered', { ...id, sizeBytes }));
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
    return reserve(settings, state, start);
  }
  if (inPhase(one, 'receiving')) return onStartAgain(settings, state, one, start, moment);
  switch (one.phase.kind) {
    case 'offered':
      return refuse('start-not-accepted', { ...start.id });
    case 'settling':
      // A server that starts it anew after our report wants it anew; before, it has yet to hear
      // of it.
      return isSaid(state, one)
        ? reserve(settings, state, start)
        : refuse('start-before-report', { ...start.id });
    case 'accepted':
      return reserve(settings, state, start);
    default:
      return refuse('start-while-installing', { ...start.id });
  }
}

const isAnyWanted = (state: State) =>
  [...state.packages.values()].some((one) => ['accepted', 'receiving'].includes(one.phase.kind));

/** Space first: "disk full" is said before the download, and not in it. */
function reserve(settings: Settings, state: State, start: StartRequest): Decision {
  const { id, checksum } = start;
  if (runningOf(state, id).work === 'reserving') return nothing;
  const taken = [...state.packages.values()].filter(
    (one) => transferOf(one) !== undefined || runningOf(state, one.id).work === 'reserving',
  );
  if (taken.length >= transfersMax) return refuse('too-many-transfers', { ...id });
  const entry = state.ledger.get(ledgerKeyOf(id, checksum));
  if (entry?.outcome === 'failed' && entry.attempts >= settings.installer.attempts) {
    const description =
      `attempted ${entry.attempts} times, the last: ${entry.description}; ` +
      `tried again after 'sota-agent accept' or with another checksum`;
    return settle(undefined, { id, status: false, code: 'install-failed', description });
  }
  const known = state.packages.has(keyOf(id));
  return decision({
    facts: known
      ? []
      : [
          { kind: 'offered', id, sizeBytes: 0 },
          { kind: 'consented', id },
        ],
    notes: [
      { kind: 'number-taken' },
      { kind: 'running', id, running: { ...idle, work: 'reserving' } },
    ],
    effects: [{ kind: 'reserve', start, number: state.nextNumber }],
  });
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
    return both(given, reserve(settings, state, start));
  }
  const after = applyNote(
    state,
    running(state, one.id, { asked: 0, situation: 'after-start', rung: undefined }),
  );
  return climb(settings, after, one, moment);
}

function onFinish(settings: Settings, state: State, id: PackageId, moment: Moment): Decision {
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
  return both(
    decision({
      facts: [...facts, { kind: 'finished', number: one.phase.transfer.number }],
      notes: [running(state, id, { rung: undefined, dueMs: undefined, finishDueMs: undefined })],
    }),
    conclude({ ...one, phase: { ...one.phase, finished: true } }, runningOf(state, id).sha1),
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
    if (!inPhase(one, 'receiving') && !isNamed) continue;
    facts.push({ kind: 'aborted', id: one.id });
    effects.push(log('warn', 'aborted-by-server', { package: label(one.id) }));
    const number = transferOf(one)?.number;
    if (number !== undefined) effects.push({ kind: 'discard', number });
  }
  if (facts.length === 0) effects.push(log('info', 'abort-ignored', {}));
  return decision({ facts, effects });
}

/**
 * Servers ask for packages right after a report: the only proof that it arrived (protocol 5.13).
 */
function onGetPackages(state: State, moment: Moment): Decision {
  const proven = [...state.packages.values()].filter(
    (one) => inPhase(one, 'settling') && isSaid(state, one),
  );
  return decision({
    facts: proven.map((one) => ({ kind: 'reported', id: one.id })),
    notes: [{ kind: 'listing', listing: { asked: 1, dueMs: moment.nowMs + listingDelayMs } }],
    effects: [
      ...proven.map((one) => log('info', 'report-proven', { ...one.id })),
      { kind: 'list-packages' },
    ],
  });
}

/** The server may have the report: the node took it, or has yet to answer. */
function isSaid(state: State, { id }: Package): boolean {
  const { leaving, sentAtMs } = runningOf(state, id);
  return leaving || sentAtMs !== undefined;
}
