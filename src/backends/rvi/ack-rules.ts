// When an ack is legal, and what it lists. An ack is built from the committed state when it is
// sent. So a lost one does no harm, and several become one.
import { inPhase, keyOf, packageIn, transferOf } from '../../core/decision-helpers.ts';
import { ackListOf, finishedListOf } from './ack-list.ts';
import { isOutcomePending } from './progress-ack.ts';
import { isComplete } from './resume-strategy.ts';
import type { PackageId, State } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Message } from './messages.ts';
import type { RviAgentState } from './model.ts';

/** Returns no ack after the finish, or without a transfer (protocol 2.4). `empty`: `[]`. */
export function ackOf(
  settings: Settings,
  { core: { packages }, backend }: RviAgentState,
  id: PackageId,
  empty: boolean,
): Message | undefined {
  const one = packages.get(keyOf(id));
  if (one === undefined) return undefined;
  const isRefused = empty && (inPhase(one, 'reporting') || one.isMultiPackage);
  const isDeferred = empty && inPhase(one, 'offered') && one.started !== undefined;
  if (inPhase(one, 'accepted') || isRefused || isDeferred) return { kind: 'ack', id, chunks: [] };
  if (!inPhase(one, 'receiving')) return undefined;
  if (one.phase.finished && isComplete(one)) return undefined;
  return { kind: 'ack', id, chunks: empty ? [] : ackListOf(settings, backend, one) };
}

/** The progress ack: only while the outcome of the package is pending. */
export function progressAckOf(
  settings: Settings,
  { core: { packages }, backend }: RviAgentState,
  id: PackageId,
): Message | undefined {
  const one = packages.get(keyOf(id));
  const transfer = one === undefined ? undefined : transferOf(one);
  if (one === undefined || transfer === undefined) return undefined;
  if (!isOutcomePending(one) || one.isMultiPackage) return undefined;
  return { kind: 'ack', id, chunks: finishedListOf(settings, backend, id, transfer) };
}

/** The restart ack: only without a transfer, which has other ways to make the server continue. */
export function restartAckOf(state: State, id: PackageId): Message | undefined {
  const one = packageIn(state, id, 'accepted');
  return one === undefined || one.isMultiPackage ? undefined : { kind: 'ack', id, chunks: [0] };
}
