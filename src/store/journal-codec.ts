// Folds a journal: each intact record, from its original or its copy, in the order of the facts.
// One fact at a time is in memory. Encodes facts as a journal. Pure functions.
import { beginsAsOld, copyDistanceBytes, encodeFrame, encodeHeader } from './frame.ts';
import { headerBytes, remindsOfHeader } from './frame.ts';
import { factOf, payloadOf } from './record.ts';
import { scan } from './scan.ts';
import type { Codec } from '../fact-codec.ts';
import type { Fold } from './fold.ts';
import type { Frame, Header } from './frame.ts';
import type { Region, Scan } from './scan.ts';

export type Decoded = {
  /** True if the journal contains no fact that this version supports. */
  readonly isEmpty: boolean;
  readonly header: Header | undefined;
  /** End of the intact records; the rest is an interrupted append. */
  readonly soundBytes: number;
  readonly tornBytes: number;
  /** Intact records that this version does not support. */
  readonly unknownCount: number;
  readonly damages: readonly Region[];
  /** Minimum number of records without an intact original or copy. */
  readonly lostCount: number;
  readonly nextSequence: number;
  /** A rewrite wrote the whole file, and nothing was appended since. */
  readonly isSnapshot: boolean;
  /** The file contains no sign that an agent wrote it. */
  readonly isForeign: boolean;
};

/** The last append: its records are on flash before its data, or its data before them. */
export type LastBatch<F> = { readonly firstSequence: number; readonly facts: readonly F[] };

export type Folded<S, F> = Decoded & {
  readonly state: S;
  /** Undefined if nothing was appended since the last rewrite. */
  readonly lastBatch: LastBatch<F> | undefined;
};

type Folding<S, F> = Pick<Fold<S, F>, 'codec' | 'initial' | 'reduce' | 'recordsLost'>;

/** If a record is lost, the last fact of the fold states that. */
export function foldJournal<S, F>(
  { codec, initial, reduce, recordsLost }: Folding<S, F>,
  bytes: Uint8Array,
): Folded<S, F> {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scanned = scan(data);
  const { header, frames, damages, soundBytes } = scanned;
  const records = inOrder(frames);
  const factIn = ({ payloadAt, end }: Frame) => factOf(codec, data.subarray(payloadAt, end));
  let state = initial;
  let unknownCount = 0;
  for (const record of records) {
    const fact = factIn(record);
    if (fact === undefined) unknownCount += 1;
    else state = reduce(state, fact);
  }
  const isToCopy = (frame: Frame) => {
    const fact = factIn(frame);
    return fact !== undefined && codec.isCritical(fact);
  };
  const lostCount = isErased(data) ? 1 : lostIn(scanned, records, isToCopy);
  const tornBytes = data.length - soundBytes;
  const isWhole = damages.length === 0 && tornBytes === 0;
  return {
    state: lostCount > 0 ? reduce(state, recordsLost) : state,
    lastBatch: lastBatchIn(header, records, factIn),
    isEmpty: lostCount === 0 && unknownCount === records.length,
    header,
    soundBytes,
    tornBytes,
    unknownCount,
    damages,
    lostCount,
    nextSequence: Math.max(header?.firstSequence ?? 1, (records.at(-1)?.sequence ?? 0) + 1),
    isSnapshot: isWhole && header?.snapshotBytes === data.length,
    isForeign: isForeign(data, () => frames),
  };
}

/** Returns true if the bytes contain no sign that an agent wrote them. */
export function isForeignJournal(bytes: Uint8Array): boolean {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isForeign(data, () => scan(data).frames);
}

/** The frames come last, because a scan of a long journal needs much memory. */
function isForeign(data: Buffer, frames: () => readonly Frame[]): boolean {
  return !remindsOfHeader(data) && !beginsAsOld(data) && frames().length === 0;
}

/** Returns true if all bytes are zeros; an agent never writes such a file. */
const isErased = (data: Buffer) => data.length > 0 && data.every((byte) => byte === 0);

/** Returns each record once; a copy replaces a missing original. */
function inOrder(frames: readonly Frame[]): readonly Frame[] {
  // Records of 0.1.0 have no number, and precede all others. The sort is stable: of two records
  // with one number the first in the file stays.
  const sorted = frames.toSorted((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
  return sorted.filter(({ sequence }, at) => {
    return sequence === undefined || sequence !== sorted[at - 1]?.sequence;
  });
}

/** The records of a rewrite, and those of 0.1.0, were synced after the data. */
function lastBatchIn<F>(
  header: Header | undefined,
  records: readonly Frame[],
  factIn: (frame: Frame) => F | undefined,
): LastBatch<F> | undefined {
  const isAppended = ({ at, sequence }: Frame) =>
    sequence !== undefined && at >= (header?.snapshotBytes ?? 0);
  const last = records.at(-1);
  if (last === undefined || !isAppended(last)) return undefined;
  const { batch } = last;
  const frames = records.filter((frame) => frame.batch === batch && isAppended(frame));
  return { firstSequence: batch, facts: frames.flatMap((frame) => factIn(frame) ?? []) };
}

type IsToCopy = (frame: Frame) => boolean;

function lostIn(
  { header, frames, damages }: Scan,
  records: readonly Frame[],
  isToCopy: IsToCopy,
): number {
  const numbered = records.findIndex(({ sequence }) => sequence !== undefined);
  const first = header?.firstSequence ?? records[numbered]?.sequence;
  const last = records.at(-1)?.sequence;
  const missing =
    first === undefined || last === undefined ? 0 : last - first + 1 - (records.length - numbered);
  // In the part of 0.1.0 and at the end, no sequence numbers show a loss. There each damaged
  // region counts as one record.
  const uncounted = damages.filter((region) => isUncounted(header, frames, region, isToCopy));
  return missing + uncounted.length;
}

function isUncounted(
  header: Header | undefined,
  frames: readonly Frame[],
  region: Region,
  isToCopy: IsToCopy,
): boolean {
  const behind = frames.find(({ at }) => at >= region.end);
  if (behind === undefined) return !isOnlyCopies(frames, region, isToCopy);
  if (behind.sequence === undefined || hasLostTail(frames, region, behind)) return true;
  const isFirst = frames[0] === behind;
  if (isFirst && header === undefined) return region.end > headerBytes;
  const before = frames.findLast(({ at }) => at < region.at);
  return before !== undefined && before.sequence === undefined;
}

/**
 * Returns true if the last records of the last batch were there, without copies: it had more bytes
 * of originals than the copies after it restore. No later sequence number shows this loss.
 */
function hasLostTail(frames: readonly Frame[], { at, end, isOfCopies }: Region, behind: Frame) {
  const isLast = !frames.some((frame) => frame.at >= end && !frame.isCopy);
  if (isOfCopies || !behind.isCopy || !isLast) return false;
  const batch = frames.filter((frame) => frame.batch === behind.batch);
  const numbers = new Set(batch.map(({ sequence = 0 }) => sequence));
  const isGapless = Math.max(...numbers) - Math.min(...numbers) + 1 === numbers.size;
  const originals = new Set(batch.filter(({ isCopy }) => !isCopy).map(({ sequence }) => sequence));
  const restored = batch.filter((frame) => frame.isCopy && !originals.has(frame.sequence));
  const restoredBytes = restored.reduce((sum, frame) => sum + frame.end - frame.at, 0);
  return isGapless && end - at - copyDistanceBytes > restoredBytes;
}

/** Returns true if the region is at the end, and only copies of intact originals were there. */
function isOnlyCopies(frames: readonly Frame[], region: Region, isToCopy: IsToCopy): boolean {
  if (!region.isOfCopies) return false;
  const before = frames.findLast(({ at }) => at < region.at);
  if (before?.isCopy !== true) return true;
  return frames.some(
    (frame) =>
      !frame.isCopy &&
      frame.batch === before.batch &&
      (frame.sequence ?? 0) > (before.sequence ?? 0) &&
      isToCopy(frame),
  );
}

export type Batch = {
  readonly originals: Buffer;
  /** Appended `copyDistanceBytes` after the originals; empty if no fact needs a copy. */
  readonly copies: Buffer;
};

export type BatchOptions<F> = {
  /** How many records the batch has already. */
  readonly firstPlace?: number;
  readonly isCopied?: (fact: F) => boolean;
};

export function encodeBatch<F>(
  codec: Codec<F>,
  facts: readonly F[],
  sequence: number,
  { firstPlace = 0, isCopied = codec.isCritical }: BatchOptions<F> = {},
): Batch {
  const originals: Buffer[] = [];
  const copies: Buffer[] = [];
  for (const [at, fact] of facts.entries()) {
    const payload = payloadOf(codec, fact);
    const place = firstPlace + at;
    originals.push(encodeFrame(payload, sequence + at, place, false));
    if (isCopied(fact)) copies.push(encodeFrame(payload, sequence + at, place, true));
  }
  return { originals: Buffer.concat(originals), copies: Buffer.concat(copies) };
}

/** A whole file: header, originals, zeros, copies. */
export function encodeJournal<F>(
  { codec, isCriticalWhenCompacted }: Pick<Fold<never, F>, 'codec' | 'isCriticalWhenCompacted'>,
  facts: readonly F[],
  firstSequence: number,
): Buffer {
  const options = { isCopied: isCriticalWhenCompacted };
  const { originals, copies } = encodeBatch(codec, facts, firstSequence, options);
  const distance = Buffer.alloc(copies.length === 0 ? 0 : copyDistanceBytes);
  const records = Buffer.concat([originals, distance, copies]);
  const snapshotBytes = headerBytes + records.length;
  return Buffer.concat([encodeHeader({ firstSequence, snapshotBytes }), records]);
}
