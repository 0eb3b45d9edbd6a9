// How to make a silent server continue. A server may need the list of stored chunks, or `[]` as the
// first ack after `/sota/start`. It may also have lost its state of the vehicle. It does not answer
// a wrong method (protocol 2.4). The agent learns which method worked, and tries it first the next
// time.
import { startRetryDelayMsMax, startRetryDelayMsMin } from '../../limits.ts';
import { backoffMs } from '../../core/backoff.ts';
import { log } from '../../core/decision-helpers.ts';
import { isAllStored } from '../../core/phases.ts';
import { decision } from './decision.ts';
import { note, receivingOf } from './exchange.ts';
import { learnedOf, serverOf } from './known-servers.ts';
import type { InPhase } from '../../core/decision-helpers.ts';
import type { Moment } from '../../core/events.ts';
import type { Settings } from './settings.ts';
import type { Decision, Receiving, ResumeMethod, RviAgentState, RviEffect } from './model.ts';
import type { RviFact, RviState } from './model.ts';

export function isComplete({ phase }: InPhase<'receiving'>): boolean {
  return isAllStored(phase.transfer);
}

/** The order of the methods. With all chunks stored, only the full list leads to the finish. */
export function methodsFor(
  own: RviState,
  one: InPhase<'receiving'>,
  { context }: Receiving,
): readonly ResumeMethod[] {
  if (isComplete(one) && context === 'resume') return ['full'];
  if (one.phase.transfer.chunks.count === 0) return ['empty', 'start'];
  const first = serverOf(own, one.id).learned[context] ?? 'full';
  const others: readonly ResumeMethod[] = ['full', 'empty', 'start'];
  return [first, ...others.filter((method) => method !== first)];
}

/** Tries the next method, and sets the deadline for the one after it. */
export function tryNextMethod(
  settings: Settings,
  { backend }: RviAgentState,
  one: InPhase<'receiving'>,
  moment: Moment,
  exchange: Receiving = receivingOf(backend, one.id),
): Decision {
  const { attempts } = exchange;
  const methods = methodsFor(backend, one, exchange);
  const method = methods[attempts % methods.length] ?? 'full';
  const round = Math.floor(attempts / methods.length);
  const waitMs =
    round === 0
      ? settings.rvi.stallTimeoutMs
      : backoffMs(round, startRetryDelayMsMin, startRetryDelayMsMax, moment.random);
  const deadlineMs = moment.nowMs + waitMs;
  const next = { ...exchange, attempts: attempts + 1, method, newChunks: 0, deadlineMs };
  const { name, version } = one.id;
  const level = attempts === 1 ? 'warn' : 'debug';
  const stalled = log(level, 'download-stalled', { name, version, method, attempts });
  return decision({
    notes: [note(one.id, { ...next, blockedReason: undefined })],
    effects: [...(attempts === 0 ? [] : [stalled]), messageOf(one, method)],
  });
}

function messageOf({ id }: InPhase<'receiving'>, method: ResumeMethod): RviEffect {
  if (method === 'start') return { kind: 'request-start', id };
  return { kind: 'ack', id, empty: method === 'empty' };
}

/** A chunk or a finish arrived: the server continues, so the last method works. */
export function onServerProgress(
  settings: Settings,
  own: RviState,
  one: InPhase<'receiving'>,
  moment: Moment,
): { readonly facts: readonly RviFact[]; readonly exchange: Receiving } {
  const exchange = receivingOf(own, one.id);
  const deadlineMs = moment.nowMs + settings.rvi.stallTimeoutMs;
  const moving = { attempts: 0, method: undefined, context: 'resume', deadlineMs } as const;
  return { facts: learned(own, one, exchange), exchange: { ...exchange, ...moving } };
}

function learned(
  own: RviState,
  one: InPhase<'receiving'>,
  { context, method }: Receiving,
): readonly RviFact[] {
  // Without a stored chunk the full list is `[]`, so its success shows nothing.
  if (method === undefined || one.phase.transfer.chunks.count === 0) return [];
  if (serverOf(own, one.id).learned[context] === method || method === 'start') return [];
  const of = learnedOf(own, one.id);
  return of === undefined ? [] : [{ kind: 'resume-method-learned', context, method, ...of }];
}
