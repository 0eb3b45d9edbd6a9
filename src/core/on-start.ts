// A start: the server names checksum and count, and sends as soon as it gets an ack. Consent comes
// first, then space on the disk.
import { chunkBytes, packagesMax, transfersMax } from '../limits.ts';
import { applyAll } from './apply.ts';
import { applyNote } from './apply-volatile.ts';
import { attemptsOf } from './state-updates.ts';
import { needsConsent, isConfirmationKnown, mayStart } from './consent.ts';
import {
  combine,
  decision,
  inPhase,
  keyOf,
  historyKeyOf,
  log,
  nothing,
  refuse,
  running,
  runningOf,
  transferOf,
} from './decision-helpers.ts';
import { tryNextMethod } from './resume-strategy.ts';
import { rejectStart } from './conclude-transfer.ts';
import { isAnother, onAnother } from './multi-package.ts';
import { isReportSent, sendReport } from './reporting.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Fact, Moment, StartRequest } from './events.ts';
import type { Package, Request, State } from './model.ts';
import type { Settings } from './settings.ts';

export function onStart(
  settings: Settings,
  state: State,
  start: StartRequest,
  moment: Moment,
): Decision {
  const one = state.packages.get(keyOf(start.id));
  if (one === undefined) {
    if (state.packages.size >= packagesMax) return refuse('package-limit', { ...start.id });
    // A dependency that was in no notify (protocol 2.1), or anything else.
    return mayStart(settings, state, start.id)
      ? reserve(settings, state, start)
      : offerStarted(state, start);
  }
  if (isAnother(one, start)) return onAnother(one, start);
  if (inPhase(one, 'receiving')) return onStartAgain(settings, state, one, start, moment);
  if (inPhase(one, 'reporting')) return onStartSettled(settings, state, one, start, moment);
  switch (one.phase.kind) {
    case 'offered':
      return holdStart(state, one, start);
    case 'accepted':
      return reserve(settings, state, start);
    default:
      return refuse('start-ignored', { ...start.id, reason: 'installing' });
  }
}

/** It becomes an offer: a person is asked, and the start is answered after that. */
function offerStarted(state: State, start: StartRequest): Decision {
  const { id, checksum, chunksCount } = start;
  const sizeBytes = chunksCount * chunkBytes;
  const update = { signature: '', description: '', isConfirmationWanted: true };
  const wanted = isConfirmationKnown(state, id) ? { update } : {};
  const offered = decision({
    facts: [
      { kind: 'offered', id, sizeBytes, ...wanted },
      { kind: 'start-deferred', id, start: { checksum, chunksCount } },
    ],
    effects: [log('info', 'package-offered', { ...id, sizeBytes, isAsked: true })],
  });
  return combine(refuse('start-without-consent', { ...id }), offered);
}

/** Each start is answered once, so that the server gives it up in the end (protocol 2.4). */
function holdStart(state: State, { id, started }: Package, start: StartRequest): Decision {
  const { checksum, chunksCount } = start;
  const isKnown = started?.checksum === checksum && started.chunksCount === chunksCount;
  const held: Fact = { kind: 'start-deferred', id, start: { checksum, chunksCount } };
  return combine(
    refuse('start-without-consent', { ...id }),
    decision({ facts: isKnown ? [] : [held], notes: [running(state, id, { attempts: 0 })] }),
  );
}

/**
 * No server may wait for ever for the first ack. `[]` brings it to a chunk, which it gives up
 * after some minutes, and then it is free; a later start of ours is served again (protocol 2.4).
 */
export function releaseStart(state: State, { id }: Package): Decision {
  return decision({
    notes: [running(state, id, { attempts: 1 })],
    effects: [{ kind: 'ack', id, empty: true }],
  });
}

/** A person accepted what the server has started already. */
export function startHeld(settings: Settings, state: State, { id, started }: Package): Decision {
  if (started === undefined) return nothing;
  return reserve(settings, state, { kind: 'start', id, ...started });
}

/** A package that waits for its start never gets one. Of others the refusal was answer enough. */
export function onUnusableStart(
  state: State,
  { id, reason }: Extract<Request, { readonly kind: 'unusable-start' }>,
): Decision {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || !['offered', 'accepted'].includes(one.phase.kind)) return nothing;
  const refused = refuse('start-unusable', { ...id, reason });
  const description = `the server announced a transfer that cannot be received: ${reason}`;
  const report = { id, status: false, code: 'general-error', description } as const;
  return combine(refused, rejectStart(one, report));
}

/**
 * Before our report the server has yet to hear of it. After it, it hears of it again: a start that
 * came late is no reason to receive and install the same once more. Another file is.
 */
function onStartSettled(
  settings: Settings,
  state: State,
  one: InPhase<'reporting'>,
  start: StartRequest,
  moment: Moment,
): Decision {
  if (!isReportSent(state, one)) {
    return refuse('start-ignored', { ...start.id, reason: 'report not sent yet' });
  }
  const { id } = one;
  const last = [...state.history.values()].findLast((entry) => keyOf(entry.id) === keyOf(id));
  const isSameFile = last?.checksum === start.checksum;
  const isDeclined = one.phase.report.code === 'user-declined';
  if (isSameFile || isDeclined) return sendReport(state, one, moment);
  // Consent ended with the outcome.
  const isCovered =
    one.phase.again === 'consented' || !needsConsent(settings, state, id, one.update);
  if (isCovered) return reserve(settings, state, start);
  const needed = decision({ facts: [{ kind: 'consent-needed', id }] });
  const now = applyAll(state, needed.facts);
  const offered = now.packages.get(keyOf(id));
  return offered === undefined ? nothing : combine(needed, holdStart(now, offered, start));
}

/** Space first: "disk full" is said before the download, and not in it. */
function reserve(settings: Settings, state: State, start: StartRequest): Decision {
  const { id, checksum, chunksCount } = start;
  const { reservation } = runningOf(state, id);
  if (reservation?.checksum === checksum && reservation.chunksCount === chunksCount) return nothing;
  const taken = [...state.packages.values()].filter(
    (one) => transferOf(one) !== undefined || runningOf(state, one.id).reservation !== undefined,
  );
  if (taken.length >= transfersMax && reservation === undefined) {
    return refuse('download-limit', { ...id });
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
      running(state, id, { activity: 'reserving', reservation: { number, checksum, chunksCount } }),
    ],
    effects: [{ kind: 'reserve', start, number }],
  });
}

/** Attempts are counted across downloads: the same bytes fail again in the same way. */
function refuseTried(state: State, { id, checksum }: StartRequest, attempts: number): Decision {
  const last = state.history.get(historyKeyOf(id, checksum))?.description ?? '';
  const description =
    `attempted ${attempts} times${last === '' ? '' : `, the last: ${last}`}; ` +
    `tried again after 'sota-agent accept' or with another checksum`;
  return rejectStart(undefined, { id, status: false, code: 'install-failed', description });
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
      facts: [{ kind: 'transfer-discarded', id: one.id }],
      effects: [
        log('warn', 'download-restarted', {
          ...one.id,
          was: transfer.checksum,
          now: start.checksum,
        }),
        { kind: 'discard', number: transfer.number },
      ],
    });
    return combine(given, reserve(settings, applyAll(state, given.facts), start));
  }
  // An ack could reach the exchange of another package; the report answers this start.
  if (one.phase.finished)
    return refuse('start-ignored', { ...start.id, reason: 'all chunks received' });
  const after = applyNote(
    state,
    running(state, one.id, { attempts: 0, context: 'after-start', method: undefined }),
  );
  return tryNextMethod(settings, after, one, moment);
}
