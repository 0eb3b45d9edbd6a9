// Handles a start: it contains checksum and count, and the server sends chunks after an ack.
import { inPhase, keyOf, packageIn, refuse } from '../../core/decision-helpers.ts';
import { failure, rejectStart } from '../../core/outcome.ts';
import { begin, replace } from '../../core/transfers.ts';
import { rejectionsAfterStart } from './ack-list.ts';
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
    // A package without an offer may be a dependency (protocol 2.1), or anything else.
    return begin(settings, core, start, moment);
  }
  return refuse('start-ignored', { ...id, reason: 'installing' });
}

/** The same file is resumed; another one starts a new transfer. */
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
  // An ack could reach the transfer of another package; the report answers this start.
  if (one.phase.finished) {
    return refuse('start-ignored', { ...one.id, reason: 'all chunks received' });
  }
  const exchange = receivingOf(state.backend, one.id);
  const listRejections = rejectionsAfterStart(settings, state.backend, one);
  const again = { attempts: 0, context: 'after-start', method: undefined, listRejections } as const;
  return tryNextMethod(settings, state, one, moment, { ...exchange, ...again });
}

/**
 * The server may start a package again before it has received the report. The report answers a
 * start of the same file, which is not received and installed again.
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
 * A server without a first ack waits without a limit. `[]` makes it send a chunk, on which it gives
 * up after some minutes; then it accepts a later start (protocol 2.4).
 */
export function releaseStart(id: PackageId): Decision {
  return decision({
    notes: [note(id, { phase: 'offered', isReleased: true })],
    effects: [{ kind: 'ack', id, empty: true }],
  });
}

/** Fails a package that waits for its start. For others the error response is enough. */
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
