// A start: the server names checksum and count, and sends as soon as it gets an ack.
import { inPhase, keyOf, packageIn, refuse } from '../../core/decision-helpers.ts';
import { failure, rejectStart } from '../../core/outcome.ts';
import { begin, replace } from '../../core/transfers.ts';
import { combine, decision, nothing } from './decision.ts';
import { note, receivingOf } from './exchange.ts';
import { isAnother, onAnother } from './multi-package.ts';
import { isReportSent, sendReport } from './reporting.ts';
import { tryNextMethod } from './resume-strategy.ts';
import type { InPhase } from '../../core/decision-helpers.ts';
import type { Moment, Start } from '../../core/events.ts';
import type { PackageId } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Request } from './messages.ts';
import type { Decision, RviAgentState } from './model.ts';

type StartRequest = Extract<Request, { readonly kind: 'start' }>;

export function onStart(
  settings: Settings,
  state: RviAgentState,
  { id, checksum, chunksCount }: StartRequest,
  moment: Moment,
): Decision {
  const { core } = state;
  const start = { id, checksum, chunksCount };
  const one = core.packages.get(keyOf(id));
  if (one !== undefined && isAnother(one, start)) return onAnother(one, start);
  if (one !== undefined && inPhase(one, 'receiving')) {
    return onStartAgain(settings, state, one, start, moment);
  }
  if (one !== undefined && inPhase(one, 'reporting')) {
    return onStartReporting(settings, state, one, start, moment);
  }
  if (one === undefined || inPhase(one, 'offered') || inPhase(one, 'accepted')) {
    // A package that was in no notify may be a dependency (protocol 2.1), or anything else.
    return begin(settings, core, start, moment);
  }
  return refuse('start-ignored', { ...id, reason: 'installing' });
}

/** The same file resumes where it stopped; another one begins again. */
function onStartAgain(
  settings: Settings,
  state: RviAgentState,
  one: InPhase<'receiving'>,
  start: Start,
  moment: Moment,
): Decision {
  const { transfer } = one.phase;
  if (transfer.checksum !== start.checksum || transfer.chunksCount !== start.chunksCount) {
    return replace(settings, state.core, one, start, moment);
  }
  // An ack could reach the exchange of another package; the report answers this start.
  if (one.phase.finished) {
    return refuse('start-ignored', { ...one.id, reason: 'all chunks received' });
  }
  const exchange = receivingOf(state.backend, one.id);
  const again = { ...exchange, attempts: 0, context: 'after-start', method: undefined } as const;
  return tryNextMethod(settings, state, one, moment, again);
}

/**
 * Before the report arrives, the server starts a package whose outcome it has yet to learn. After
 * it, the report is the answer to the same file: it is not received and installed once more.
 */
function onStartReporting(
  settings: Settings,
  state: RviAgentState,
  one: InPhase<'reporting'>,
  start: Start,
  moment: Moment,
): Decision {
  const { id } = one;
  if (!isReportSent(state.backend, id)) {
    return refuse('start-ignored', { ...id, reason: 'report not sent yet' });
  }
  const last = [...state.core.history.values()].findLast((entry) => keyOf(entry.id) === keyOf(id));
  const isSameFile = last?.checksum === start.checksum;
  const isDeclined = one.phase.report.code === 'user-declined';
  if (isSameFile || isDeclined) return sendReport(state.backend, one, moment);
  return begin(settings, state.core, start, moment);
}

/**
 * No server may wait without end for the first ack. `[]` brings it to a chunk, which it gives up
 * after some minutes, and then it is free; a later start is served again (protocol 2.4).
 */
export function releaseStart(id: PackageId): Decision {
  return decision({
    notes: [note(id, { phase: 'offered', isReleased: true })],
    effects: [{ kind: 'ack', id, empty: true }],
  });
}

/** A package that waits for its start never gets one. Of others the refusal was answer enough. */
export function onUnusableStart(
  { core }: RviAgentState,
  { id, reason }: Extract<Request, { readonly kind: 'unusable-start' }>,
): Decision {
  const one = packageIn(core, id, 'offered') ?? packageIn(core, id, 'accepted');
  if (one === undefined) return nothing;
  const refused = refuse('start-unusable', { ...id, reason });
  const description = `the server announced a transfer that cannot be received: ${reason}`;
  return combine(refused, rejectStart(one, failure(id, 'general-error', description)));
}
