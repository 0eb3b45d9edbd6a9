// Which package the server is asked to start. One at a time: servers ignore a second start while
// one is under way, and lose reports when several are (protocol 2.4, 5.14).
import { askDelayMsMax, askDelayMsMin, reportSettleMs } from '../limits.ts';
import { isSame } from './known-servers.ts';
import { decision, inPhase, keyOf, running, runningOf } from './decision-helpers.ts';
import { backoffMs } from './retry.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Moment } from './events.ts';
import type { Package, ResumeMethod, State } from './model.ts';

/**
 * Unanswered asks after which the next package has its turn; nobody starves behind a cancelled
 * one.
 */
const asksInTurn = 3;

/** A server that lost our first ack waits for it for ever; `[]` sets it going (protocol 2.4). */
const rungs: readonly ResumeMethod[] = ['start', 'empty', 'start'];

/** The package to ask for, and when; undefined while another one is under way or unreported. */
export function nextToRequest(
  state: State,
): { readonly one: InPhase<'accepted'>; readonly dueMs: number } | undefined {
  let best: InPhase<'accepted'> | undefined;
  let notBeforeMs = 0;
  for (const one of state.packages.values()) {
    const untilMs = occupiesUntilMs(state, one);
    if (untilMs === Infinity) return undefined;
    notBeforeMs = Math.max(notBeforeMs, untilMs);
    if (inPhase(one, 'accepted') && isBefore(state, one, best)) best = one;
  }
  if (best === undefined) return undefined;
  return { one: best, dueMs: Math.max(notBeforeMs, runningOf(state, best.id).deadlineMs ?? 0) };
}

/**
 * Until when a package keeps the server from starting another; Infinity: until something happens.
 */
function occupiesUntilMs(state: State, one: Package): number {
  const { sentAtMs, reservation, blockedReason } = runningOf(state, one.id);
  // No server hears of it, so none is busy with it.
  if (blockedReason !== undefined) return 0;
  if (reservation !== undefined) return Infinity;
  switch (one.phase.kind) {
    case 'offered':
    case 'accepted':
      return 0;
    case 'reporting':
      return sentAtMs === undefined ? Infinity : sentAtMs + reportSettleMs;
    default:
      return Infinity;
  }
}

/** Until when other packages of the same server keep it busy; a late `[]` would end theirs. */
export function othersUntilMs(state: State, one: Package): number {
  const others = [...state.packages.values()].filter(
    ({ id, services }) => keyOf(id) !== keyOf(one.id) && isSame(services, one.services),
  );
  return Math.max(0, ...others.map((other) => occupiesUntilMs(state, other)));
}

function isBefore(state: State, a: Package, b: Package | undefined): boolean {
  if (b === undefined) return true;
  const turnOf = (one: Package) => Math.floor(runningOf(state, one.id).attempts / asksInTurn);
  return turnOf(a) === turnOf(b) ? a.order < b.order : turnOf(a) < turnOf(b);
}

export function requestStart(state: State, one: InPhase<'accepted'>, moment: Moment): Decision {
  const { attempts } = runningOf(state, one.id);
  const rung = rungs[attempts % rungs.length] ?? 'start';
  const waitMs = backoffMs(attempts, askDelayMsMin, askDelayMsMax, moment.random);
  const next = {
    attempts: attempts + 1,
    method: rung,
    unexpectedChunks: 0,
    blockedReason: undefined,
  };
  return decision({
    notes: [running(state, one.id, { ...next, deadlineMs: moment.nowMs + waitMs })],
    effects: [
      rung === 'empty'
        ? { kind: 'ack', id: one.id, empty: true }
        : { kind: 'request-start', id: one.id },
    ],
  });
}
