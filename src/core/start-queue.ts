// Which package the server is asked to start. One at a time: servers ignore a second start while
// one is under way, and lose reports when several are (protocol 2.4, 5.14).
import { askDelayMsMax, askDelayMsMin, reportSettleMs } from '../limits.ts';
import { isSame } from './known-servers.ts';
import { decision, inPhase, keyOf, running, runningOf } from './decision-helpers.ts';
import { backoffMs } from './retry.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Moment } from './events.ts';
import type { Package, Rung, State } from './model.ts';

/**
 * Unanswered asks after which the next package has its turn; nobody starves behind a cancelled
 * one.
 */
const asksInTurn = 3;

/** A server that lost our first ack waits for it for ever; `[]` sets it going (protocol 2.4). */
const rungs: readonly Rung[] = ['start', 'empty', 'start'];

/** The package to ask for, and when; undefined while another one is under way or unreported. */
export function nextToAsk(
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
  return { one: best, dueMs: Math.max(notBeforeMs, runningOf(state, best.id).dueMs ?? 0) };
}

/**
 * Until when a package keeps the server from starting another; Infinity: until something happens.
 */
function occupiesUntilMs(state: State, one: Package): number {
  const { sentAtMs, room, unsaid } = runningOf(state, one.id);
  // No server hears of it, so none is busy with it.
  if (unsaid !== undefined) return 0;
  if (room !== undefined) return Infinity;
  switch (one.phase.kind) {
    case 'offered':
    case 'accepted':
      return 0;
    case 'settling':
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
  const turnOf = (one: Package) => Math.floor(runningOf(state, one.id).asked / asksInTurn);
  return turnOf(a) === turnOf(b) ? a.order < b.order : turnOf(a) < turnOf(b);
}

export function ask(state: State, one: InPhase<'accepted'>, moment: Moment): Decision {
  const { asked } = runningOf(state, one.id);
  const rung = rungs[asked % rungs.length] ?? 'start';
  const waitMs = backoffMs(asked, askDelayMsMin, askDelayMsMax, moment.roll);
  const next = { asked: asked + 1, rung, strays: 0, unsaid: undefined };
  return decision({
    notes: [running(state, one.id, { ...next, dueMs: moment.nowMs + waitMs })],
    effects: [
      rung === 'empty'
        ? { kind: 'ack', id: one.id, empty: true }
        : { kind: 'ask-start', id: one.id },
    ],
  });
}
