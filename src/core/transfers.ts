// A transfer: consent, space on the disk, chunks, until the server has sent all chunks.
import { chunkBytes, packagesMax, transfersMax } from '../limits.ts';
import { crcOf } from './chunk-set.ts';
import { isConfirmationKnown } from './consent.ts';
import { crc32 } from '../crc32.ts';
import {
  byNumber,
  combine,
  decision,
  historyKeyOf,
  inPhase,
  keyOf,
  log,
  nothing,
  packageIn,
  refuse,
  reservationOf,
  transferOf,
} from './decision-helpers.ts';
import { applyAll } from './fold.ts';
import { failure, recordOutcome, rejectStart } from './outcome.ts';
import { chunksExpected } from './phases.ts';
import { permit } from './policy.ts';
import { attemptsOf } from './state-updates.ts';
import { conclude } from './verify.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Event, Fact, Moment, Start } from './events.ts';
import type { PackageId, State, Transfer } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

// ---------------------------------------------------------------- begin

/** The server starts a package. Without consent the start is deferred. */
export function begin(settings: Settings, state: State, start: Start, moment: Moment): Decision {
  const { id } = start;
  const isKnown = state.packages.has(keyOf(id));
  if (!isKnown && state.packages.size >= packagesMax) return refuse('package-limit', { ...id });
  const permission = permit(settings, state, 'download', id, moment);
  return permission.kind === 'now' ? reserve(settings, state, start) : defer(state, start);
}

/** Defers the start until consent. The backend answers the server, which waits. */
function defer(state: State, start: Start): Decision {
  const { id, checksum, chunksCount } = start;
  const refused = refuse('start-without-consent', { ...id });
  const deferred = { kind: 'start-deferred', id, start: { checksum, chunksCount } } as const;
  const signals = [{ kind: 'start-deferred', id }] as const;
  const one = state.packages.get(keyOf(id));
  if (one === undefined)
    return combine(refused, decision({ ...offerStarted(state, start), signals }));
  const isKnown = one.started?.checksum === checksum && one.started.chunksCount === chunksCount;
  const facts: Fact[] = inPhase(one, 'reporting') ? [{ kind: 'consent-needed', id }] : [];
  if (!isKnown) facts.push(deferred);
  return combine(refused, decision({ facts, signals }));
}

/** A package that no server offered becomes an offer that requires consent. */
function offerStarted(state: State, { id, checksum, chunksCount }: Start) {
  const sizeBytes = chunksCount * chunkBytes;
  const update = { signature: '', description: '', isConfirmationWanted: true };
  const wanted = isConfirmationKnown(state, id) ? { update } : {};
  const facts: readonly Fact[] = [
    { kind: 'offered', id, sizeBytes, ...wanted },
    { kind: 'start-deferred', id, start: { checksum, chunksCount } },
  ];
  return { facts, effects: [log('info', 'package-offered', { ...id, sizeBytes, isAsked: true })] };
}

/** Reserves the space first, so that a full disk is reported before the download. */
export function reserve(settings: Settings, state: State, start: Start): Decision {
  const { id, checksum, chunksCount } = start;
  const one = state.packages.get(keyOf(id));
  const reservation = one === undefined ? undefined : reservationOf(one);
  if (reservation?.checksum === checksum && reservation.chunksCount === chunksCount) return nothing;
  const taken = [...state.packages.values()].filter(
    (other) => transferOf(other) !== undefined || reservationOf(other) !== undefined,
  );
  if (taken.length >= transfersMax && reservation === undefined) {
    return refuse('download-limit', { ...id });
  }
  const attempts = attemptsOf(state, id, checksum);
  if (attempts >= settings.installer.maxAttempts) return rejectTried(state, start, attempts);
  const number = state.nextNumber;
  return decision({
    facts:
      one !== undefined
        ? []
        : [
            { kind: 'offered', id, sizeBytes: 0 },
            { kind: 'consented', id },
          ],
    notes: [
      { kind: 'number-taken' },
      { kind: 'reservation', id, reservation: { number, checksum, chunksCount } },
    ],
    effects: [{ kind: 'reserve', start, number }],
  });
}

/** Attempts are counted across downloads, because the same payload fails in the same way. */
function rejectTried(state: State, { id, checksum }: Start, attempts: number): Decision {
  const last = state.history.get(historyKeyOf(id, checksum))?.description ?? '';
  const description =
    `attempted ${attempts} times${last === '' ? '' : `, last result: ${last}`}; ` +
    `the agent retries after 'sota-agent accept' or with another checksum`;
  return rejectStart(undefined, failure(id, 'install-failed', description));
}

/** The server started another file under the same id: discards the stored data and restarts. */
export function replace(
  settings: Settings,
  state: State,
  one: InPhase<'receiving'>,
  start: Start,
  moment: Moment,
): Decision {
  const { checksum, number } = one.phase.transfer;
  const given = decision({
    facts: [{ kind: 'transfer-discarded', id: one.id }],
    effects: [
      log('warn', 'download-restarted', { ...one.id, was: checksum, now: start.checksum }),
      { kind: 'discard', number },
    ],
  });
  return combine(given, begin(settings, applyAll(state, given.facts), start, moment));
}

export function onReserved(state: State, { start, number }: Of<'reserved'>): Decision {
  const { id, checksum, chunksCount } = start;
  if (!isReserved(state, id, number)) return decision({ effects: [{ kind: 'discard', number }] });
  const fields = { ...id, checksum, chunksCount, number };
  return decision({
    facts: [{ kind: 'transfer-started', id, number, checksum, chunksCount }],
    effects: [log('info', 'download-started', fields)],
    signals: [{ kind: 'transfer-ready', id }],
  });
}

function isReserved(state: State, id: PackageId, number: number): boolean {
  const one = state.packages.get(keyOf(id));
  return one !== undefined && reservationOf(one)?.number === number;
}

export function onNotReserved(state: State, event: Of<'not-reserved'>): Decision {
  const { start, number, code, reason } = event;
  const { id } = start;
  const one = state.packages.get(keyOf(id));
  // A part of the space may be reserved.
  const cleared = decision({ effects: [{ kind: 'discard', number }] });
  if (one === undefined || !isReserved(state, id, number)) return cleared;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return combine(cleared, rejectStart(one, failure(id, 'disk-full', reason)));
  }
  if (code === 'EFBIG') {
    const description = tooLargeText(start.chunksCount);
    return combine(cleared, rejectStart(one, failure(id, 'general-error', description)));
  }
  // Another storage error may pass: the package stays accepted.
  const later = decision({
    notes: [{ kind: 'reservation', id, reservation: undefined }],
    effects: [log('error', 'space-reservation-failed', { ...id, code, reason })],
    signals: [{ kind: 'transfer-postponed', id }],
  });
  return combine(cleared, later);
}

const tooLargeText = (chunksCount: number) =>
  `too large: a file of ${chunksCount * chunkBytes} bytes exceeds the file size limit (EFBIG): ` +
  'check ulimit -f, LimitFSIZE= and the file system';

// ---------------------------------------------------------------- chunks

export type Chunk = {
  readonly id: PackageId;
  readonly chunkIndex: number;
  readonly data: Uint8Array;
};

/** Stores a new chunk, or counts a repeated one. The ack is sent after the commit. */
export function onChunk(state: State, chunk: Chunk): Decision {
  const { id, chunkIndex, data } = chunk;
  const one = packageIn(state, id, 'receiving');
  if (one === undefined) return refuse('chunk-unexpected', { ...id, index: chunkIndex });
  // The transfer has ended; the server may be sending another package.
  if (one.phase.finished) return nothing;
  const { transfer } = one.phase;
  const code = misfit(transfer, chunk);
  if (code !== undefined) return refuse(code, { ...id, index: chunkIndex });
  const { number } = transfer;
  if (crcOf(transfer.chunks, chunkIndex) !== undefined) {
    return decision({
      notes: [{ kind: 'counter', counter: 'chunksRepeated' }],
      signals: [{ kind: 'chunk-repeated', id, chunkIndex }],
    });
  }
  const sizeBytes = data.length;
  return decision({
    writes: [{ number, chunkIndex, data }],
    facts: [{ kind: 'chunk-stored', number, chunkIndex, sizeBytes, crc: crc32(data) }],
    notes: [{ kind: 'counter', counter: 'chunksWritten' }],
    effects: [{ kind: 'hash', number }],
    signals: [{ kind: 'chunk-stored', id }],
  });
}

/**
 * Returns why a chunk does not belong to the transfer. Only the last chunk may be short; no chunk
 * may be empty.
 */
function misfit(
  { chunksCount }: Transfer,
  { chunkIndex, data }: Chunk,
): 'chunk-index-invalid' | 'chunk-size-invalid' | undefined {
  const count = chunksExpected(chunksCount);
  if (chunkIndex > count) return 'chunk-index-invalid';
  const isFull = data.length === chunkBytes;
  if (chunkIndex < count) return isFull ? undefined : 'chunk-size-invalid';
  const fits = chunksCount === 0 ? data.length === 0 : data.length > 0;
  return fits ? undefined : 'chunk-size-invalid';
}

/** EFBIG is permanent, so the package fails. Each other storage error may pass. */
export function onChunkWriteFailed(state: State, event: Of<'chunk-write-failed'>): Decision {
  const { number, chunkIndex, code, reason } = event;
  const one = byNumber(state, number);
  const fields = { ...one?.id, index: chunkIndex, reason };
  const logged = decision({ effects: [log('error', 'chunk-write-failed', fields)] });
  if (code !== 'EFBIG' || one === undefined || !inPhase(one, 'receiving')) return logged;
  const description = tooLargeText(one.phase.transfer.chunksCount);
  return combine(logged, recordOutcome(one, failure(one.id, 'general-error', description)));
}

// ---------------------------------------------------------------- end

/** The server sent all chunks: the agent verifies the payload, and installs it if it is intact. */
export function complete(one: InPhase<'receiving'>, signature?: string): Decision {
  const { number } = one.phase.transfer;
  const signed = signature === undefined ? {} : { signature };
  const finished = { ...one, phase: { ...one.phase, finished: true } };
  return combine(
    decision({ facts: [{ kind: 'transfer-complete', number, ...signed }] }),
    conclude(finished),
  );
}
