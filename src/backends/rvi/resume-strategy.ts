// How a silent server is moved. A server may want the list of stored chunks at once, or only `[]`
// as the first ack after `/sota/start`, or may have forgotten the vehicle; it answers a wrong
// method by silence (protocol 2.4). What worked is learned and tried first the next time.
import { startRetryDelayMsMax, startRetryDelayMsMin } from '../../limits.ts';
import { backoffMs } from '../../core/backoff.ts';
import { log } from '../../core/decision-helpers.ts';
import { isAllStored } from '../../core/phases.ts';
import { decision } from './decision.ts';
import { note, receivingOf } from './exchange.ts';
import { isSame, serverOf, servicesOfOrigin } from './known-servers.ts';
import type { InPhase } from '../../core/decision-helpers.ts';
import type { Moment } from '../../core/events.ts';
import type { Settings } from './settings.ts';
import type { Decision, Receiving, ResumeMethod, RviAgentState, RviEffect } from './model.ts';
import type { RviFact, RviState } from './model.ts';

export function isComplete({ phase }: InPhase<'receiving'>): boolean {
  return isAllStored(phase.transfer);
}

/** The order in which to try. With every chunk stored only the full list can bring the finish. */
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

/** Tries the next method, and sets the time at which silence leads to the one after it. */
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
  const next = { ...exchange, attempts: attempts + 1, method, deadlineMs };
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

/** A chunk or a finish arrived: the server moves, and the method that was awaited works. */
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
  // With no chunk stored the full list is `[]`: that it worked shows nothing.
  if (method === undefined || one.phase.transfer.chunks.count === 0) return [];
  if (serverOf(own, one.id).learned[context] === method || method === 'start') return [];
  const services = servicesOfOrigin(own, one.id);
  const isPresent = isSame(services, own.server.services);
  // The offer came before any server was named: nothing is remembered of a server without a name.
  if (!isPresent && services === undefined) return [];
  const of = isPresent || services === undefined ? {} : { services };
  return [{ kind: 'resume-method-learned', context, method, ...of }];
}
