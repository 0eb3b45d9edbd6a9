// Every state that can wait has a deadline here and an exit when it passes. One list serves three
// readers: the timer of the shell, `tick`, and the person who asks `why`.
import { requestStart, nextToRequest, othersUntilMs } from './start-queue.ts';
import { combine, decision, inPhase, log, nothing, runningOf } from './decision-helpers.ts';
import { afterFinish, sendProgressAck, needsProgressAck } from './progress-ack.ts';
import { tryNextMethod, isComplete } from './resume-strategy.ts';
import { removeAgain } from './cleanup.ts';
import { runAgainWhenFree } from './on-install.ts';
import { register } from './on-registration.ts';
import { rebootAgain } from './on-reboot.ts';
import { whenAvailable } from './server-availability.ts';
import { releaseStart } from './on-start.ts';
import { conclude } from './conclude-transfer.ts';
import { listAgain, sendReport } from './reporting.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Moment } from './events.ts';
import type { Package, PackageId, State } from './model.ts';
import type { Settings } from './settings.ts';

export type Deadline = {
  readonly dueMs: number;
  readonly id: PackageId | undefined;
  /** What happens then, for people. */
  readonly next: string;
  readonly act: (settings: Settings, state: State, moment: Moment) => Decision;
};

export function deadlines(state: State): readonly Deadline[] {
  const all = [...state.packages.values()].flatMap((one) => ofPackage(state, one));
  const link = [...ofAsking(state), ...ofLink(state), ...ofKeepAlive(state)];
  return [...all, ...link, ...ofListing(state), ...ofLeftovers(state)];
}

export function nextDueMs(state: State): number | undefined {
  let first: number | undefined;
  for (const { dueMs } of deadlines(state)) {
    if (first === undefined || dueMs < first) first = dueMs;
  }
  return first;
}

/** Acts on the first deadline that has passed; the shell ticks again while one is due. */
export function onTick(settings: Settings, state: State, moment: Moment): Decision {
  for (const deadline of deadlines(state)) {
    if (deadline.dueMs <= moment.nowMs) return deadline.act(settings, state, moment);
  }
  return nothing;
}

function ofLink(state: State): readonly Deadline[] {
  const { link } = state;
  switch (link.kind) {
    case 'down': {
      const act = () => register(link.failures);
      return [{ dueMs: link.dueMs, id: undefined, next: 'register again', act }];
    }
    case 'up': {
      const act = () => register(link.failures, true);
      return [{ dueMs: link.renewAtMs, id: undefined, next: 'renew the registration', act }];
    }
    default:
      // Closed: the transport keeps trying. Registering: each call has its time limit.
      return [];
  }
}

function ofAsking(state: State): readonly Deadline[] {
  if (!isLinked(state)) return [];
  const turn = nextToRequest(state);
  if (turn === undefined) return [];
  const { one } = turn;
  const dueMs = whenAvailable(state, turn.dueMs);
  const { attempts } = runningOf(state, one.id);
  const act = (settings: Settings, now: State, moment: Moment) =>
    attempts === 0
      ? requestStart(now, one, moment)
      : combine(renewal(settings, now, moment), requestStart(now, one, moment));
  return [{ dueMs, id: one.id, next: 'ask the server to start', act }];
}

function ofLeftovers(state: State): readonly Deadline[] {
  return [...state.cleanups].map(([number, dueMs]) => ({
    dueMs,
    id: undefined,
    next: 'remove what is left of a transfer',
    act: (_: Settings, __: State, moment: Moment) => removeAgain(number, moment),
  }));
}

function ofKeepAlive(state: State): readonly Deadline[] {
  const { progressAckMs } = state;
  const one = needsProgressAck(state);
  if (progressAckMs === undefined || one === undefined || !isLinked(state)) return [];
  const act = (settings: Settings, _: State, moment: Moment) =>
    sendProgressAck(settings, one, moment);
  const dueMs = whenAvailable(state, progressAckMs);
  return [{ dueMs, id: one.id, next: 'tell the server that it goes on', act }];
}

function ofListing(state: State): readonly Deadline[] {
  const { inventoryRequest } = state;
  if (inventoryRequest === undefined || !isLinked(state)) return [];
  const act = (_: Settings, now: State, moment: Moment) => listAgain(now, moment);
  const dueMs = whenAvailable(state, inventoryRequest.dueMs);
  return [{ dueMs, id: undefined, next: 'list the packages again', act }];
}

/**
 * A node that restarted takes our calls, has forgotten our services and says nothing (protocol
 * 1.2): silence may be that. Registering costs little, and comes before what is asked.
 */
function renewal({ rvi }: Settings, { link }: State, { nowMs }: Moment): Decision {
  if (link.kind !== 'up') return nothing;
  return nowMs - link.registeredAtMs < rvi.stallMs ? nothing : register(link.failures, true);
}

/** Links that carry messages; while one renews its registration it still does. */
export function isLinked(state: State): boolean {
  const { link } = state;
  return link.kind === 'up' || (link.kind === 'registering' && link.isRenewal);
}

function ofPackage(state: State, one: Package): readonly Deadline[] {
  if (inPhase(one, 'receiving')) return ofReceiving(state, one);
  if (inPhase(one, 'offered')) return ofHeldStart(state, one);
  const { deadlineMs, activity } = runningOf(state, one.id);
  if (inPhase(one, 'reporting')) {
    if (!isLinked(state)) return [];
    const act = (_: Settings, now: State, moment: Moment) => sendReport(now, one, moment);
    const saidMs = whenAvailable(state, deadlineMs ?? 0);
    return [{ dueMs: saidMs, id: one.id, next: 'send the report', act }];
  }
  if (deadlineMs === undefined || activity !== undefined) return [];
  if (inPhase(one, 'installing')) {
    const act = (_: Settings, now: State) => runAgainWhenFree(now, one);
    return [{ dueMs: deadlineMs, id: one.id, next: 'try the installer again', act }];
  }
  if (inPhase(one, 'rebooting')) {
    const act = (_: Settings, now: State, moment: Moment) => rebootAgain(now, one, moment);
    const isDenied = runningOf(state, one.id).denial !== undefined;
    const next = isDenied ? 'run [reboot] allow again' : 'ask for the reboot again';
    return [{ dueMs: deadlineMs, id: one.id, next, act }];
  }
  return [];
}

function ofHeldStart(state: State, one: Package): readonly Deadline[] {
  const isAnswered = runningOf(state, one.id).attempts > 0;
  if (one.started === undefined || isAnswered || !isLinked(state)) return [];
  const untilMs = othersUntilMs(state, one);
  if (untilMs === Infinity) return [];
  const act = (_: Settings, now: State) => releaseStart(now, one);
  const next = 'let go the server, which started it';
  return [{ dueMs: whenAvailable(state, untilMs), id: one.id, next, act }];
}

function ofReceiving(state: State, one: InPhase<'receiving'>): readonly Deadline[] {
  const { deadlineMs, finishDeadlineMs, activity } = runningOf(state, one.id);
  if (one.phase.finished || activity !== undefined) return [];
  const { id } = one;
  const all: Deadline[] = [];
  if (isComplete(one) && finishDeadlineMs !== undefined) {
    const act = (settings: Settings, _: State, moment: Moment) =>
      goOnWithoutFinish(settings, state, one, moment);
    all.push({ dueMs: finishDeadlineMs, id, next: 'go on as if the finish had come', act });
  }
  if (deadlineMs !== undefined && isLinked(state)) {
    const act = (settings: Settings, now: State, moment: Moment) =>
      combine(renewal(settings, now, moment), tryNextMethod(settings, now, one, moment));
    const next = 'break the silence of the server';
    all.push({ dueMs: whenAvailable(state, deadlineMs), id, next, act });
  }
  return all;
}

/** A finish that was lost is not repeated by any server (protocol 2.4). */
function goOnWithoutFinish(
  settings: Settings,
  state: State,
  one: InPhase<'receiving'>,
  moment: Moment,
): Decision {
  const { number } = one.phase.transfer;
  const finished = { ...one, phase: { ...one.phase, finished: true } };
  return combine(
    decision({
      facts: [{ kind: 'transfer-complete', number }],
      notes: afterFinish(settings, moment),
      effects: [log('warn', 'finish-timeout', { ...one.id })],
    }),
    conclude(state, finished, {
      method: undefined,
      deadlineMs: undefined,
      finishDeadlineMs: undefined,
    }),
  );
}
