// How a silent server is moved. A server may want the list of held chunks at once, or only `[]`
// as the first ack after `/sota/start`, or may have forgotten us; a wrong guess is answered by
// silence (protocol 2.4). What worked is learnt and tried first the next time.
import { askDelayMsMax, askDelayMsMin } from '../limits.ts';
import { serverOf, isSame } from './known-servers.ts';
import { decision, log, running, runningOf } from './decision-helpers.ts';
import { backoffMs } from './retry.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Effect, Fact, Moment } from './events.ts';
import type { PackageRuntime, ResumeMethod, State } from './model.ts';
import type { Settings } from './settings.ts';

export const chunksExpected = (chunksCount: number) => Math.max(1, chunksCount);

export function isComplete(one: InPhase<'receiving'>): boolean {
  return one.phase.transfer.chunks.count === chunksExpected(one.phase.transfer.chunksCount);
}

/** The order in which to try. With every chunk held only the full list can bring the finish. */
export function methodsFor(state: State, one: InPhase<'receiving'>): readonly ResumeMethod[] {
  const { context } = runningOf(state, one.id);
  if (isComplete(one) && context === 'resume') return ['full'];
  if (one.phase.transfer.chunks.count === 0) return ['empty', 'start'];
  const first = serverOf(state, one).learned[context] ?? 'full';
  const others: readonly ResumeMethod[] = ['full', 'empty', 'start'];
  return [first, ...others.filter((rung) => rung !== first)];
}

/** Says the next rung and sets the time at which silence leads to the one after it. */
export function tryNextMethod(
  settings: Settings,
  state: State,
  one: InPhase<'receiving'>,
  moment: Moment,
): Decision {
  const { attempts } = runningOf(state, one.id);
  const rungs = methodsFor(state, one);
  const rung = rungs[attempts % rungs.length] ?? 'full';
  const round = Math.floor(attempts / rungs.length);
  const waitMs =
    round === 0
      ? settings.rvi.stallMs
      : backoffMs(round, askDelayMsMin, askDelayMsMax, moment.random);
  const deadlineMs = moment.nowMs + waitMs;
  const next = { attempts: attempts + 1, method: rung, deadlineMs, blockedReason: undefined };
  const spoken = attempts === 0 ? [] : [sayStalled(one, rung, attempts)];
  return decision({
    notes: [running(state, one.id, next)],
    effects: [...spoken, say(one, rung)],
  });
}

function say(one: InPhase<'receiving'>, rung: ResumeMethod): Effect {
  if (rung === 'start') return { kind: 'request-start', id: one.id };
  return { kind: 'ack', id: one.id, empty: rung === 'empty' };
}

function sayStalled(one: InPhase<'receiving'>, rung: ResumeMethod, asked: number): Effect {
  const { name, version } = one.id;
  return log(asked === 1 ? 'warn' : 'debug', 'download-stalled', { name, version, rung, asked });
}

/**
 * A chunk or a finish came: the server moves, and the rung that was awaited is the one that
 * works.
 */
export function onServerProgress(
  settings: Settings,
  state: State,
  one: InPhase<'receiving'>,
  moment: Moment,
): { readonly facts: readonly Fact[]; readonly change: Partial<PackageRuntime> } {
  const now = runningOf(state, one.id);
  const deadlineMs = moment.nowMs + settings.rvi.stallMs;
  return {
    facts: learnedMethod(state, one, now),
    change: { attempts: 0, method: undefined, context: 'resume', deadlineMs },
  };
}

function learnedMethod(
  state: State,
  one: InPhase<'receiving'>,
  now: PackageRuntime,
): readonly Fact[] {
  // With nothing held the full list is `[]`: that it worked tells nothing.
  if (now.method === undefined || one.phase.transfer.chunks.count === 0) return [];
  const { context, method } = now;
  if (serverOf(state, one).learned[context] === method || method === 'start') return [];
  const { services } = one;
  const isPresent = isSame(services, state.server.services);
  // It came before any server was named, and nothing is remembered of a server without a name.
  if (!isPresent && services === undefined) return [];
  const of = isPresent || services === undefined ? {} : { services };
  return [{ kind: 'resume-method-learned', context, method, ...of }];
}
