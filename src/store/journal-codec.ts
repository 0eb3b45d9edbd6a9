// Decodes a journal: each intact record, from its original or its copy, in the order of the facts.
// Encodes facts as a journal. Pure functions.
import { beginsAsOld, copyDistanceBytes, encodeFrame, encodeHeader } from './frame.ts';
import { headerBytes, remindsOfHeader } from './frame.ts';
import { factOf, payloadOf } from './record.ts';
import { scan } from './scan.ts';
import type { Codec } from '../fact-codec.ts';
import type { Fold } from './fold.ts';
import type { Frame, Header } from './frame.ts';
import type { Region, Scan } from './scan.ts';

export type Decoded<F = unknown> = {
  /** If a record is lost, the last fact states that. */
  readonly facts: readonly F[];
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

type DecodeFold<F> = Pick<Fold<never, F>, 'codec' | 'recordsLost'>;

export function decodeJournal<F>(
  { codec, recordsLost }: DecodeFold<F>,
  bytes: Uint8Array,
): Decoded<F> {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scanned = scan(data);
  const { header, frames, damages, soundBytes } = scanned;
  const { sequences, records } = inOrder(frames);
  const read = records.map(({ payload }) => factOf(codec, payload));
  const facts = read.filter((fact) => fact !== undefined);
  const isToCopy = (payload: Buffer) => {
    const fact = factOf(codec, payload);
    return fact !== undefined && codec.isCritical(fact);
  };
  const lostCount = isErased(data) ? 1 : lostIn(scanned, sequences, isToCopy);
  const tornBytes = data.length - soundBytes;
  const isWhole = damages.length === 0 && tornBytes === 0;
  return {
    facts: lostCount > 0 ? [...facts, recordsLost] : facts,
    header,
    soundBytes,
    tornBytes,
    unknownCount: read.length - facts.length,
    damages,
    lostCount,
    nextSequence: Math.max(header?.firstSequence ?? 1, (sequences.at(-1) ?? 0) + 1),
    isSnapshot: isWhole && header?.snapshotBytes === data.length,
    isForeign: isForeign(data, scanned),
  };
}

/** Returns true if the bytes contain no sign that an agent wrote them. */
export function isForeignJournal(bytes: Uint8Array): boolean {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isForeign(data, scan(data));
}

function isForeign(data: Buffer, { frames }: Scan): boolean {
  return frames.length === 0 && !remindsOfHeader(data) && !beginsAsOld(data);
}

/** Returns true if all bytes are zeros; an agent never writes such a file. */
const isErased = (data: Buffer) => data.length > 0 && data.every((byte) => byte === 0);

/** Returns each record once; a copy replaces a missing original. */
function inOrder(frames: readonly Frame[]) {
  const old = frames.filter(({ sequence }) => sequence === undefined);
  const bySequence = new Map<number, Frame>();
  for (const frame of frames) {
    const { sequence } = frame;
    if (sequence !== undefined && !bySequence.has(sequence)) bySequence.set(sequence, frame);
  }
  const sorted = [...bySequence].sort(([a], [b]) => a - b);
  const sequences = sorted.map(([sequence]) => sequence);
  return { sequences, records: [...old, ...sorted.map(([, frame]) => frame)] };
}

type IsToCopy = (payload: Buffer) => boolean;

function lostIn(
  { header, frames, damages }: Scan,
  sequences: readonly number[],
  isToCopy: IsToCopy,
): number {
  const first = header?.firstSequence ?? sequences[0];
  const last = sequences.at(-1);
  const missing =
    first === undefined || last === undefined ? 0 : last - first + 1 - sequences.length;
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
  if (behind.sequence === undefined) return true;
  const isFirst = frames[0] === behind;
  if (isFirst && header === undefined) return region.end > headerBytes;
  const before = frames.findLast(({ at }) => at < region.at);
  return before !== undefined && before.sequence === undefined;
}

/** Returns true if the region is at the end, and only copies of intact originals were there. */
function isOnlyCopies(frames: readonly Frame[], region: Region, isToCopy: IsToCopy): boolean {
  if (!region.isOfCopies) return false;
  const before = frames.findLast(({ at }) => at < region.at);
  if (before?.isCopy !== true) return true;
  return frames.some(
    ({ isCopy, batch, sequence, payload }) =>
      !isCopy &&
      batch === before.batch &&
      (sequence ?? 0) > (before.sequence ?? 0) &&
      isToCopy(payload),
  );
}

export type Batch = {
  readonly originals: Buffer;
  /** Appended `copyDistanceBytes` after the originals; empty if no fact needs a copy. */
  readonly copies: Buffer;
};

export function encodeBatch<F>(
  codec: Codec<F>,
  facts: readonly F[],
  sequence: number,
  isCopied: (fact: F) => boolean = codec.isCritical,
): Batch {
  const originals: Buffer[] = [];
  const copies: Buffer[] = [];
  for (const [place, fact] of facts.entries()) {
    const payload = payloadOf(codec, fact);
    originals.push(encodeFrame(payload, sequence + place, place, false));
    if (isCopied(fact)) copies.push(encodeFrame(payload, sequence + place, place, true));
  }
  return { originals: Buffer.concat(originals), copies: Buffer.concat(copies) };
}

/** A whole file: header, originals, zeros, copies. */
export function encodeJournal<F>(
  { codec, isCriticalWhenCompacted }: Pick<Fold<never, F>, 'codec' | 'isCriticalWhenCompacted'>,
  facts: readonly F[],
  firstSequence: number,
): Buffer {
  const { originals, copies } = encodeBatch(codec, facts, firstSequence, isCriticalWhenCompacted);
  const distance = Buffer.alloc(copies.length === 0 ? 0 : copyDistanceBytes);
  const records = Buffer.concat([originals, distance, copies]);
  const snapshotBytes = headerBytes + records.length;
  return Buffer.concat([encodeHeader({ firstSequence, snapshotBytes }), records]);
}
