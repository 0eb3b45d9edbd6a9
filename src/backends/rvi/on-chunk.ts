// Handles a chunk. The core stores it, and this file decides which ack to send.
import { packageIn, refuse } from '../../core/decision-helpers.ts';
import { onChunk as store } from '../../core/transfers.ts';
import { ackListLearned, learnedFromProgress, learnedFromRepeat } from './ack-list.ts';
import { combine, decision, nothing } from './decision.ts';
import { note, receivingOf, startingOf } from './exchange.ts';
import { isComplete, onServerProgress } from './resume-strategy.ts';
import type { InPhase } from '../../core/decision-helpers.ts';
import type { Moment, Signal } from '../../core/events.ts';
import type { PackageId } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Request } from './messages.ts';
import type { Decision, RviAgentState, RviState } from './model.ts';

export function onChunk(
  _: Settings,
  { core, backend }: RviAgentState,
  chunk: Extract<Request, { readonly kind: 'chunk' }>,
): Decision {
  const one = packageIn(core, chunk.id, 'accepted');
  return one === undefined ? store(core, chunk) : onUnstarted(backend, one, chunk.chunkIndex);
}

/**
 * The server sends chunks, but its `/sota/start`, with checksum and count, was lost. An empty ack
 * makes all releases except the first restart the transfer (protocol 2.4). The first release sends
 * chunk 1 again; an ack with one index other than 1 makes it throw, and restart. 0 is not an index,
 * and other releases answer it with all chunks from 1. Each ack is sent once per request.
 */
function onUnstarted(own: RviState, { id, phase }: InPhase<'accepted'>, index: number): Decision {
  const refused = refuse('chunk-unexpected', { ...id, index });
  const exchange = startingOf(own, id);
  const { attempts, unexpectedChunks } = exchange;
  const isFirstChunkAgain = unexpectedChunks === 1 && index === 1;
  const isRestartSent = unexpectedChunks > 0 && !isFirstChunkAgain;
  if (phase.reservation !== undefined || attempts === 0 || isRestartSent) return refused;
  return combine(
    refused,
    decision({
      notes: [note(id, { ...exchange, unexpectedChunks: unexpectedChunks + 1 })],
      effects: [isFirstChunkAgain ? { kind: 'restart-ack', id } : { kind: 'ack', id, empty: true }],
    }),
  );
}

/** The chunk is durable before the ack is sent. `before`: the transfer without it. */
export function onChunkStored(
  settings: Settings,
  before: RviAgentState,
  state: RviAgentState,
  id: PackageId,
  moment: Moment,
): Decision {
  const was = packageIn(before.core, id, 'receiving');
  const one = packageIn(state.core, id, 'receiving');
  if (was === undefined || one === undefined) return nothing;
  const { facts, exchange } = onServerProgress(settings, before.backend, was, moment);
  const { finishTimeoutMs } = settings.rvi;
  const finishDeadlineMs = isComplete(one) ? moment.nowMs + finishTimeoutMs : undefined;
  const newChunks = exchange.newChunks + 1;
  return decision({
    facts: [...facts, ...learnedFromProgress(settings, before.backend, was)],
    notes: [note(id, { ...exchange, newChunks, listRejections: 0, finishDeadlineMs })],
    effects: [{ kind: 'ack', id, empty: false }],
  });
}

/** Every ack makes the server send a chunk: a repeated chunk gets one only if it was awaited. */
export function onChunkRepeated(
  settings: Settings,
  { core, backend }: RviAgentState,
  { id, chunkIndex }: Extract<Signal, { readonly kind: 'chunk-repeated' }>,
  moment: Moment,
): Decision {
  const one = packageIn(core, id, 'receiving');
  if (one === undefined) return nothing;
  const isAwaited = receivingOf(backend, id).method !== undefined;
  const list = learnedFromRepeat(settings, backend, one, chunkIndex);
  if (!isAwaited && list === undefined) return nothing;
  const { facts, exchange } = onServerProgress(settings, backend, one, moment);
  const unread = { ...exchange, newChunks: 0, listRejections: 0 };
  return decision({
    facts: list === undefined ? facts : ackListLearned(backend, id, list),
    notes: [note(id, list === undefined ? exchange : unread)],
    effects: [{ kind: 'ack', id, empty: false }],
  });
}
