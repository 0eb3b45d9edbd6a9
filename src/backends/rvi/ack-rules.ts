// When an ack is legal, and what it lists. An ack is made when it leaves, from what is committed by
// then, so a lost one costs nothing and many become one.
import { ackIndices } from '../../core/chunk-set.ts';
import { inPhase, keyOf, packageIn, transferOf } from '../../core/decision-helpers.ts';
import { isOutcomePending } from './progress-ack.ts';
import { isComplete } from './resume-strategy.ts';
import type { PackageId, State } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Message } from './messages.ts';

/** No ack after the finish, nor for what is gone (protocol 2.4). `empty`: the list is `[]`. */
export function ackOf(
  settings: Settings,
  { packages }: State,
  id: PackageId,
  empty: boolean,
): Message | undefined {
  const one = packages.get(keyOf(id));
  if (one === undefined) return undefined;
  const isRefused = empty && (inPhase(one, 'reporting') || one.isMultiPackage);
  const isDeferred = empty && inPhase(one, 'offered') && one.started !== undefined;
  if (inPhase(one, 'accepted') || isRefused || isDeferred) return { kind: 'ack', id, chunks: [] };
  if (!inPhase(one, 'receiving')) return undefined;
  const { transfer, finished } = one.phase;
  if (finished && isComplete(one)) return undefined;
  return { kind: 'ack', id, chunks: empty ? [] : ackIndices(transfer.chunks, settings.rvi.ack) };
}

/** Of what is pending when it leaves, and no more of what has an outcome by then. */
export function progressAckOf(
  settings: Settings,
  { packages }: State,
  id: PackageId,
): Message | undefined {
  const one = packages.get(keyOf(id));
  const transfer = one === undefined ? undefined : transferOf(one);
  if (one === undefined || transfer === undefined) return undefined;
  if (!isOutcomePending(one) || one.isMultiPackage) return undefined;
  return { kind: 'ack', id, chunks: ackIndices(transfer.chunks, settings.rvi.ack) };
}

/** With a transfer there are better ways to move the server. */
export function restartAckOf(state: State, id: PackageId): Message | undefined {
  const one = packageIn(state, id, 'accepted');
  return one === undefined || one.isMultiPackage ? undefined : { kind: 'ack', id, chunks: [0] };
}
