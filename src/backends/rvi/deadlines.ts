// Every state of the RVI backend that can wait has a deadline here, and an action at that time.
import { inPhase, log } from '../../core/decision-helpers.ts';
import { complete } from '../../core/transfers.ts';
import { combine, decision, nothing } from './decision.ts';
import { deferredOf, note, receivingOf, reportingOf, startingOf } from './exchange.ts';
import { register } from './on-registration.ts';
import { releaseStart } from './on-start.ts';
import { afterFinish, needsProgressAck, sendProgressAck } from './progress-ack.ts';
import { listAgain, sendReport } from './reporting.ts';
import { isComplete, tryNextMethod } from './resume-strategy.ts';
import { whenAvailable } from './server-availability.ts';
import { nextToRequest, othersUntilMs, requestStart } from './start-queue.ts';
import type { InPhase } from '../../core/decision-helpers.ts';
import type { Moment } from '../../core/events.ts';
import type { Package } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Decision, RviAgentState, RviDeadline, RviState } from './model.ts';

export function deadlines(state: RviAgentState): readonly RviDeadline[] {
  const packages = [...state.core.packages.values()];
  const local = [
    ...packages.flatMap((one) => ofMissingFinish(state, one)),
    ...ofLink(state.backend),
  ];
  if (!isLinked(state.backend)) return local;
  const each = packages.flatMap((one) => ofPackage(state, one));
  return [
    ...each,
    ...ofStartQueue(state),
    ...local,
    ...ofProgressAck(state),
    ...ofInventory(state),
  ];
}

/** True if the link carries messages; it also does while the registration is renewed. */
export function isLinked({ link }: RviState): boolean {
  return link.kind === 'up' || (link.kind === 'registering' && link.isRenewal);
}

function ofLink({ link }: RviState): readonly RviDeadline[] {
  switch (link.kind) {
    case 'down': {
      const act = () => register(link.failures);
      return [{ dueMs: link.dueMs, id: undefined, next: 'registers with the node', act }];
    }
    case 'up': {
      const act = () => register(link.failures, true);
      return [{ dueMs: link.renewAtMs, id: undefined, next: 'renews the registration', act }];
    }
    default:
      // Closed: the transport retries. Registering: each call has a time limit.
      return [];
  }
}

function ofStartQueue(state: RviAgentState): readonly RviDeadline[] {
  const turn = nextToRequest(state);
  if (turn === undefined) return [];
  const { one } = turn;
  const { attempts } = startingOf(state.backend, one.id);
  const act = (settings: Settings, now: RviAgentState, moment: Moment) =>
    combine(
      attempts === 0 ? nothing : renewal(settings, now.backend, moment),
      requestStart(now, one, moment),
    );
  const dueMs = whenAvailable(state.backend, turn.dueMs);
  return [{ dueMs, id: one.id, next: 'requests the start', act }];
}

function ofProgressAck(state: RviAgentState): readonly RviDeadline[] {
  const { progressAckMs } = state.backend;
  const one = needsProgressAck(state);
  if (progressAckMs === undefined || one === undefined) return [];
  const act = (settings: Settings, _: RviAgentState, moment: Moment) =>
    sendProgressAck(settings, one, moment);
  const dueMs = whenAvailable(state.backend, progressAckMs);
  return [{ dueMs, id: one.id, next: 'sends a progress ack', act }];
}

function ofInventory({ backend }: RviAgentState): readonly RviDeadline[] {
  const { inventoryRequest } = backend;
  if (inventoryRequest === undefined) return [];
  const act = (_: Settings, now: RviAgentState, moment: Moment) => listAgain(now.backend, moment);
  const dueMs = whenAvailable(backend, inventoryRequest.dueMs);
  return [{ dueMs, id: undefined, next: 'sends the inventory again', act }];
}

/**
 * A node that restarted accepts calls but has lost the agent's services, without a message
 * (protocol 1.2). This may cause the silence, so the agent registers before it sends: registering
 * costs little.
 */
function renewal({ rvi }: Settings, { link }: RviState, { nowMs }: Moment): Decision {
  if (link.kind !== 'up') return nothing;
  return nowMs - link.registeredAtMs < rvi.stallTimeoutMs ? nothing : register(link.failures, true);
}

function ofPackage(state: RviAgentState, one: Package): readonly RviDeadline[] {
  if (inPhase(one, 'receiving')) return ofReceiving(state, one);
  if (inPhase(one, 'offered')) return ofDeferredStart(state, one);
  if (!inPhase(one, 'reporting')) return [];
  const { deadlineMs = 0 } = reportingOf(state.backend, one.id);
  const act = (_: Settings, now: RviAgentState, moment: Moment) =>
    sendReport(now.backend, one, moment);
  const dueMs = whenAvailable(state.backend, deadlineMs);
  return [{ dueMs, id: one.id, next: 'sends the report', act }];
}

function ofDeferredStart(
  state: RviAgentState,
  { id, started }: InPhase<'offered'>,
): readonly RviDeadline[] {
  if (started === undefined || deferredOf(state.backend, id).isReleased) return [];
  const untilMs = othersUntilMs(state, id);
  if (untilMs === Infinity) return [];
  const dueMs = whenAvailable(state.backend, untilMs);
  return [{ dueMs, id, next: 'answers the start with an empty ack', act: () => releaseStart(id) }];
}

function ofReceiving(
  { backend }: RviAgentState,
  one: InPhase<'receiving'>,
): readonly RviDeadline[] {
  const { deadlineMs } = receivingOf(backend, one.id);
  if (one.phase.finished || deadlineMs === undefined) return [];
  const act = (settings: Settings, now: RviAgentState, moment: Moment) =>
    combine(renewal(settings, now.backend, moment), tryNextMethod(settings, now, one, moment));
  const dueMs = whenAvailable(backend, deadlineMs);
  return [{ dueMs, id: one.id, next: 'tries the next resume method', act }];
}

/** All chunks are stored: the agent needs no link to continue. */
function ofMissingFinish({ backend }: RviAgentState, one: Package): readonly RviDeadline[] {
  if (!inPhase(one, 'receiving') || one.phase.finished || !isComplete(one)) return [];
  const { finishDeadlineMs } = receivingOf(backend, one.id);
  if (finishDeadlineMs === undefined) return [];
  const act = (settings: Settings, now: RviAgentState, moment: Moment) =>
    completeWithoutFinish(settings, now.backend, one, moment);
  const next = 'verifies without a finish';
  return [{ dueMs: finishDeadlineMs, id: one.id, next, act }];
}

/** No server repeats a lost finish (protocol 2.4). */
function completeWithoutFinish(
  settings: Settings,
  own: RviState,
  one: InPhase<'receiving'>,
  moment: Moment,
): Decision {
  const { id } = one;
  const over = { method: undefined, deadlineMs: undefined, finishDeadlineMs: undefined };
  return combine(
    decision({
      notes: [note(id, { ...receivingOf(own, id), ...over }), ...afterFinish(settings, moment)],
      effects: [log('warn', 'finish-timeout', { ...id })],
    }),
    complete(one),
  );
}
