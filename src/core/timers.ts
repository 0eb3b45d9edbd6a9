// Every state that can wait has a deadline here and an exit when it passes. One list serves three
// readers: the timer of the shell, `tick`, and the person who asks `why`.
import { ask, nextToAsk, othersUntilMs } from './start-queue.ts';
import { both, decision, inPhase, log, nothing, runningOf } from './decision-helpers.ts';
import { afterFinish, keepAlive, toKeepAlive } from './progress-ack.ts';
import { climb, isComplete } from './resume-strategy.ts';
import { removeAgain } from './cleanup.ts';
import { runAgainWhenFree } from './on-install.ts';
import { register } from './on-registration.ts';
import { rebootAgain } from './on-reboot.ts';
import { whenThere } from './server-availability.ts';
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
  const turn = nextToAsk(state);
  if (turn === undefined) return [];
  const { one } = turn;
  const dueMs = whenThere(state, turn.dueMs);
  const { asked } = runningOf(state, one.id);
  const act = (settings: Settings, now: State, moment: Moment) =>
    asked === 0
      ? ask(now, one, moment)
      : both(renewal(settings, now, moment), ask(now, one, moment));
  return [{ dueMs, id: one.id, next: 'ask the server to start', act }];
}

function ofLeftovers(state: State): readonly Deadline[] {
  return [...state.leftovers].map(([number, dueMs]) => ({
    dueMs,
    id: undefined,
    next: 'remove what is left of a transfer',
    act: (_: Settings, __: State, moment: Moment) => removeAgain(number, moment),
  }));
}

function ofKeepAlive(state: State): readonly Deadline[] {
  const { keepAliveMs } = state;
  const one = toKeepAlive(state);
  if (keepAliveMs === undefined || one === undefined || !isLinked(state)) return [];
  const act = (settings: Settings, _: State, moment: Moment) => keepAlive(settings, one, moment);
  const dueMs = whenThere(state, keepAliveMs);
  return [{ dueMs, id: one.id, next: 'tell the server that it goes on', act }];
}

function ofListing(state: State): readonly Deadline[] {
  const { listing } = state;
  if (listing === undefined || !isLinked(state)) return [];
  const act = (_: Settings, now: State, moment: Moment) => listAgain(now, moment);
  const dueMs = whenThere(state, listing.dueMs);
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
  const { dueMs, work } = runningOf(state, one.id);
  if (inPhase(one, 'settling')) {
    if (!isLinked(state)) return [];
    const act = (_: Settings, now: State, moment: Moment) => sendReport(now, one, moment);
    const saidMs = whenThere(state, dueMs ?? 0);
    return [{ dueMs: saidMs, id: one.id, next: 'send the report', act }];
  }
  if (dueMs === undefined || work !== undefined) return [];
  if (inPhase(one, 'installing')) {
    const act = (_: Settings, now: State) => runAgainWhenFree(now, one);
    return [{ dueMs, id: one.id, next: 'try the installer again', act }];
  }
  if (inPhase(one, 'rebooting')) {
    const act = (_: Settings, now: State, moment: Moment) => rebootAgain(now, one, moment);
    const isDenied = runningOf(state, one.id).denial !== undefined;
    const next = isDenied ? 'run [reboot] allow again' : 'ask for the reboot again';
    return [{ dueMs, id: one.id, next, act }];
  }
  return [];
}

function ofHeldStart(state: State, one: Package): readonly Deadline[] {
  const isAnswered = runningOf(state, one.id).asked > 0;
  if (one.started === undefined || isAnswered || !isLinked(state)) return [];
  const untilMs = othersUntilMs(state, one);
  if (untilMs === Infinity) return [];
  const act = (_: Settings, now: State) => releaseStart(now, one);
  const next = 'let go the server, which started it';
  return [{ dueMs: whenThere(state, untilMs), id: one.id, next, act }];
}

function ofReceiving(state: State, one: InPhase<'receiving'>): readonly Deadline[] {
  const { dueMs, finishDueMs, work } = runningOf(state, one.id);
  if (one.phase.finished || work !== undefined) return [];
  const { id } = one;
  const all: Deadline[] = [];
  if (isComplete(one) && finishDueMs !== undefined) {
    const act = (settings: Settings, _: State, moment: Moment) =>
      goOnWithoutFinish(settings, state, one, moment);
    all.push({ dueMs: finishDueMs, id, next: 'go on as if the finish had come', act });
  }
  if (dueMs !== undefined && isLinked(state)) {
    const act = (settings: Settings, now: State, moment: Moment) =>
      both(renewal(settings, now, moment), climb(settings, now, one, moment));
    const next = 'break the silence of the server';
    all.push({ dueMs: whenThere(state, dueMs), id, next, act });
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
  return both(
    decision({
      facts: [{ kind: 'finished', number }],
      notes: afterFinish(settings, moment),
      effects: [log('warn', 'finish-missing', { ...one.id })],
    }),
    conclude(state, finished, { rung: undefined, dueMs: undefined, finishDueMs: undefined }),
  );
}
