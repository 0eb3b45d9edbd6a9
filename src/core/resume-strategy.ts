// How a silent server is moved. A server may want the list of held chunks at once, or only `[]`
// as the first ack after `/sota/start`, or may have forgotten us; a wrong guess is answered by
// silence (protocol 2.4). What worked is learnt and tried first the next time.
import { askDelayMsMax, askDelayMsMin } from '../limits.ts';
import { backendOf, isSame } from './known-servers.ts';
import { decision, log, running, runningOf } from './decision-helpers.ts';
import { backoffMs } from './retry.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Effect, Fact, Moment } from './events.ts';
import type { Running, Rung, State } from './model.ts';
import type { Settings } from './settings.ts';

export const chunksExpected = (chunksCount: number) => Math.max(1, chunksCount);

export function isComplete(one: InPhase<'receiving'>): boolean {
  return one.phase.transfer.held.count === chunksExpected(one.phase.transfer.chunksCount);
}

/** The order in which to try. With every chunk held only the full list can bring the finish. */
export function rungsOf(state: State, one: InPhase<'receiving'>): readonly Rung[] {
  const { situation } = runningOf(state, one.id);
  if (isComplete(one) && situation === 'resume') return ['full'];
  if (one.phase.transfer.held.count === 0) return ['empty', 'start'];
  const first = backendOf(state, one).learnt[situation] ?? 'full';
  const others: readonly Rung[] = ['full', 'empty', 'start'];
  return [first, ...others.filter((rung) => rung !== first)];
}

/** Says the next rung and sets the time at which silence leads to the one after it. */
export function climb(
  settings: Settings,
  state: State,
  one: InPhase<'receiving'>,
  moment: Moment,
): Decision {
  const { asked } = runningOf(state, one.id);
  const rungs = rungsOf(state, one);
  const rung = rungs[asked % rungs.length] ?? 'full';
  const round = Math.floor(asked / rungs.length);
  const waitMs =
    round === 0
      ? settings.rvi.stallMs
      : backoffMs(round, askDelayMsMin, askDelayMsMax, moment.roll);
  const dueMs = moment.nowMs + waitMs;
  const next = { asked: asked + 1, rung, dueMs, unsaid: undefined };
  const spoken = asked === 0 ? [] : [sayStalled(one, rung, asked)];
  return decision({
    notes: [running(state, one.id, next)],
    effects: [...spoken, say(one, rung)],
  });
}

function say(one: InPhase<'receiving'>, rung: Rung): Effect {
  if (rung === 'start') return { kind: 'ask-start', id: one.id };
  return { kind: 'ack', id: one.id, empty: rung === 'empty' };
}

function sayStalled(one: InPhase<'receiving'>, rung: Rung, asked: number): Effect {
  const { name, version } = one.id;
  return log(asked === 1 ? 'warn' : 'debug', 'transfer-silent', { name, version, rung, asked });
}

/**
 * A chunk or a finish came: the server moves, and the rung that was awaited is the one that
 * works.
 */
export function moved(
  settings: Settings,
  state: State,
  one: InPhase<'receiving'>,
  moment: Moment,
): { readonly facts: readonly Fact[]; readonly change: Partial<Running> } {
  const now = runningOf(state, one.id);
  const dueMs = moment.nowMs + settings.rvi.stallMs;
  return {
    facts: learnt(state, one, now),
    change: { asked: 0, rung: undefined, situation: 'resume', dueMs },
  };
}

function learnt(state: State, one: InPhase<'receiving'>, now: Running): readonly Fact[] {
  // With nothing held the full list is `[]`: that it worked tells nothing.
  if (now.rung === undefined || one.phase.transfer.held.count === 0) return [];
  const { situation, rung } = now;
  if (backendOf(state, one).learnt[situation] === rung || rung === 'start') return [];
  const { services } = one;
  const isPresent = isSame(services, state.backend.services);
  // It came before any server was named, and nothing is remembered of a server without a name.
  if (!isPresent && services === undefined) return [];
  const of = isPresent || services === undefined ? {} : { services };
  return [{ kind: 'rung-learnt', situation, rung, ...of }];
}
