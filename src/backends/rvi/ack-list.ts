// Which chunks an ack lists. A list of all stored chunks grows with the package, and almost every
// server needs only the last two of the run 1..n (protocol 2.4). A server that reads the list
// literally sends chunk 1 after them; one that rejects a list of several chunks starts again. The
// agent learns both from what arrives.
import { fullAckChunksMax, listRejectionsMax, newChunksBeforeTail } from '../../limits.ts';
import { ackIndices, isPrefixLong } from '../../core/chunk-set.ts';
import { receivingOf } from './exchange.ts';
import { learnedOf, serverOf } from './known-servers.ts';
import type { AckList } from '../../core/chunk-set.ts';
import type { InPhase } from '../../core/decision-helpers.ts';
import type { PackageId, Transfer } from '../../core/model.ts';
import type { LearnedList, Receiving, RviFact, RviState } from './model.ts';
import type { Settings } from './settings.ts';

/** The ack of a transfer in progress. */
export function ackListOf(
  settings: Settings,
  own: RviState,
  one: InPhase<'receiving'>,
): readonly number[] {
  return ackIndices(one.phase.transfer.chunks, listOf(settings, own, one));
}

/** The ack after the finish: the server has all chunks acknowledged already. */
export function finishedListOf(
  { rvi: { ack } }: Settings,
  own: RviState,
  id: PackageId,
  { chunks }: Transfer,
): readonly number[] {
  return ackIndices(chunks, ack === 'auto' ? (serverOf(own, id).learned.ack ?? 'tail') : ack);
}

/**
 * Until the agent has learned more, an ack that makes a server continue lists all chunks. The last
 * two follow new chunks only: then no copy of chunk 1 is under way, and chunk 1 is the answer of a
 * server that reads the list literally.
 */
function listOf({ rvi: { ack } }: Settings, own: RviState, one: InPhase<'receiving'>): AckList {
  if (ack !== 'auto') return ack;
  const exchange = receivingOf(own, one.id);
  const { ack: learned } = serverOf(own, one.id).learned;
  if (isOnTrial(exchange)) return otherThan(learned);
  if (learned === 'full' || learned === 'single') return learned;
  if (one.phase.transfer.chunks.count <= fullAckChunksMax) return 'full';
  return learned ?? (exchange.newChunks >= newChunksBeforeTail ? 'tail' : 'full');
}

/** Each of the two lists is tried a few times, in turn, until one leads to a new chunk. */
function isOnTrial({ listRejections }: Receiving): boolean {
  return Math.floor(listRejections / listRejectionsMax) % 2 === 1;
}

function otherThan(learned: LearnedList | undefined): LearnedList {
  return learned === 'single' ? 'full' : 'single';
}

/**
 * What a repeated chunk shows. Chunk 1 after a short list: the server misses all that the list
 * lacks. While a copy of chunk 1 may be under way since a resume, it is only a doubt: the agent
 * lists all chunks again, and learns from the next short list.
 */
export function learnedFromRepeat(
  settings: Settings,
  own: RviState,
  one: InPhase<'receiving'>,
  chunkIndex: number,
): LearnedList | 'unknown' | undefined {
  const isShort = settings.rvi.ack === 'auto' && listOf(settings, own, one) !== 'full';
  if (chunkIndex !== 1 || !isShort) return undefined;
  const { method, newChunks } = receivingOf(own, one.id);
  if (method === undefined) return newChunks >= newChunksBeforeTail ? 'full' : undefined;
  if (method !== 'full') return undefined;
  return serverOf(own, one.id).learned.ack === 'tail' ? 'unknown' : 'full';
}

/**
 * The count after a start that arrives again. A start after the first ack may be a copy of the one
 * before it, unless that ack listed one chunk, which the first releases reject.
 */
export function rejectionsAfterStart(
  settings: Settings,
  own: RviState,
  one: InPhase<'receiving'>,
): number {
  const { listRejections, method, context } = receivingOf(own, one.id);
  const isListed = method === undefined || method === 'full';
  const isLong = isPrefixLong(one.phase.transfer.chunks);
  const isCounted = context === 'resume' || listOf(settings, own, one) === 'single';
  return listRejections + (isListed && isLong && isCounted ? 1 : 0);
}

/** A new chunk answered the list on trial, or the first short list. */
export function learnedFromProgress(
  settings: Settings,
  own: RviState,
  one: InPhase<'receiving'>,
): readonly RviFact[] {
  if (settings.rvi.ack !== 'auto' || !isPrefixLong(one.phase.transfer.chunks)) return [];
  const { ack } = serverOf(own, one.id).learned;
  if (isOnTrial(receivingOf(own, one.id))) return ackListLearned(own, one.id, otherThan(ack));
  const isFirst = ack === undefined && listOf(settings, own, one) === 'tail';
  return isFirst ? ackListLearned(own, one.id, 'tail') : [];
}

export function ackListLearned(
  own: RviState,
  id: PackageId,
  list: LearnedList | 'unknown',
): readonly RviFact[] {
  const of = learnedOf(own, id);
  return of === undefined ? [] : [{ kind: 'ack-list-learned', list, ...of }];
}
