// One chunk: refuse it, know it already, or hold it. Nothing here waits; the commit makes it
// durable before the ack leaves.
import { chunkBytes } from '../limits.ts';
import { crc32 } from './crc32.ts';
import {
  combine,
  decision,
  inPhase,
  keyOf,
  nothing,
  refuse,
  running,
  runningOf,
} from './decision-helpers.ts';
import { crcOf } from './chunk-set.ts';
import { chunksExpected, onServerProgress } from './resume-strategy.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Moment } from './events.ts';
import type { Request, State, Transfer } from './model.ts';
import type { Settings } from './settings.ts';

type ChunkRequest = Extract<Request, { readonly kind: 'chunk' }>;

export function onChunk(
  settings: Settings,
  state: State,
  chunk: ChunkRequest,
  moment: Moment,
): Decision {
  const one = state.packages.get(keyOf(chunk.id));
  const index = chunk.chunkIndex;
  if (one !== undefined && inPhase(one, 'accepted')) return onChunkUnstarted(state, one, index);
  if (one === undefined || !inPhase(one, 'receiving')) {
    return refuse('chunk-unexpected', { ...chunk.id, index });
  }
  // Late after the finish: acked again it could reach another package's exchange (protocol 2.4).
  if (one.phase.finished) return nothing;
  const trouble = misfit(one.phase.transfer, chunk);
  if (trouble !== undefined) return refuse(trouble, { ...chunk.id, index });
  const known = crcOf(one.phase.transfer.chunks, index);
  if (known !== undefined) return onKnownChunk(settings, state, one, moment);
  const { facts, change } = onServerProgress(settings, state, one, moment);
  const { number } = one.phase.transfer;
  const sizeBytes = chunk.data.length;
  const isLast =
    one.phase.transfer.chunks.count + 1 === chunksExpected(one.phase.transfer.chunksCount);
  const finishDeadlineMs = isLast ? moment.nowMs + settings.rvi.finishTimeoutMs : undefined;
  return decision({
    writes: [{ number, chunkIndex: index, data: chunk.data }],
    facts: [
      ...facts,
      { kind: 'chunk-stored', number, chunkIndex: index, sizeBytes, crc: crc32(chunk.data) },
    ],
    notes: [
      running(state, one.id, { ...change, finishDeadlineMs }),
      { kind: 'counter', counter: 'chunksWritten' },
    ],
    effects: [
      { kind: 'ack', id: one.id, empty: false },
      { kind: 'hash', number },
    ],
  });
}

/**
 * The server sends, but its `/sota/start`, which alone tells checksum and count, was lost. An empty
 * ack in the middle makes all releases but the first begin anew (protocol 2.4). That one sends
 * chunk 1 again; what it throws over, and begins anew, is a single index other than 1. 0 is no
 * chunk, and means "all from 1 on" to a release that does not throw. Each is said once to an ask.
 */
function onChunkUnstarted(state: State, one: InPhase<'accepted'>, index: number): Decision {
  const refused = refuse('chunk-unexpected', { ...one.id, index });
  const { attempts, reservation, unexpectedChunks } = runningOf(state, one.id);
  const isFirstChunkAgain = unexpectedChunks === 1 && index === 1;
  if (reservation !== undefined || attempts === 0 || (unexpectedChunks > 0 && !isFirstChunkAgain))
    return refused;
  return combine(
    refused,
    decision({
      notes: [running(state, one.id, { unexpectedChunks: unexpectedChunks + 1 })],
      effects: [
        isFirstChunkAgain
          ? { kind: 'restart-ack', id: one.id }
          : { kind: 'ack', id: one.id, empty: true },
      ],
    }),
  );
}

/** Why a chunk cannot belong to the transfer. Only the last one may be short, none may be empty. */
function misfit(transfer: Transfer, chunk: ChunkRequest): string | undefined {
  const count = chunksExpected(transfer.chunksCount);
  if (chunk.chunkIndex > count) return 'chunk-index-invalid';
  const sizeBytes = chunk.data.length;
  if (chunk.chunkIndex < count) return sizeBytes === chunkBytes ? undefined : 'chunk-size-invalid';
  const fits = transfer.chunksCount === 0 ? sizeBytes === 0 : sizeBytes > 0;
  return fits ? undefined : 'chunk-size-invalid';
}

/**
 * Every ack makes the server send once: a chunk that came twice is acked only as the answer to a
 * rung.
 */
function onKnownChunk(
  settings: Settings,
  state: State,
  one: InPhase<'receiving'>,
  moment: Moment,
): Decision {
  const repeated = decision({ notes: [{ kind: 'counter', counter: 'chunksRepeated' }] });
  if (runningOf(state, one.id).method === undefined) return repeated;
  const { facts, change } = onServerProgress(settings, state, one, moment);
  return combine(
    repeated,
    decision({
      facts,
      notes: [running(state, one.id, change)],
      effects: [{ kind: 'ack', id: one.id, empty: false }],
    }),
  );
}
