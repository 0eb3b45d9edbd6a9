// Finds the records in the bytes of a journal, and the regions between them: padding, damage, or an
// interrupted append. Pure functions.
import {
  copyDistanceBytes,
  headerBytes,
  isCutShort,
  isHeaderWhole,
  nextMarker,
  readFrame,
  readHeader,
  readOldFrame,
} from './frame.ts';
import type { Frame, Header } from './frame.ts';

/** A region that is neither a record nor the zeros before copies. */
export type Region = {
  readonly at: number;
  readonly end: number;
  /** True if the region can have contained only copies. */
  readonly isOfCopies: boolean;
};

export type Scan = {
  readonly header: Header | undefined;
  readonly frames: readonly Frame[];
  /** Damage: synced bytes that have changed. */
  readonly damages: readonly Region[];
  /** Where an interrupted append starts; the length of the data if there is none. */
  readonly soundBytes: number;
};

const sectorBytes = 512;
const zeros = Buffer.alloc(copyDistanceBytes);

export function scan(data: Buffer): Scan {
  const header = readHeader(data);
  const { frames, regions } = split(data, header);
  const torn = regions.find((region) => isTorn(data, header, frames, region));
  const soundBytes = torn?.at ?? data.length;
  const isHeaderHit = header !== undefined && !isHeaderWhole(data);
  // The second header is intact, so no record is lost.
  const hit = isHeaderHit ? [{ at: 0, end: headerBytes, isOfCopies: true }] : [];
  return {
    header,
    frames: frames.filter(({ at }) => at < soundBytes),
    damages: [...hit, ...regions.filter(({ at }) => at < soundBytes)],
    soundBytes,
  };
}

function split(data: Buffer, header: Header | undefined) {
  const frames: Frame[] = [];
  const regions: Region[] = [];
  let at = header === undefined ? 0 : headerBytes;
  let isPadded = false;
  while (at < data.length) {
    const frame = frameAt(data, at, header, frames);
    const isPadding = frame === undefined && isPaddingAt(data, at, frames.at(-1));
    if (frame !== undefined) {
      frames.push(frame);
      at = frame.end;
    } else if (isPadding) {
      at += copyDistanceBytes;
    } else {
      const end = nextFrameAt(data, at + 1, header, frames) ?? data.length;
      regions.push({ at, end, isOfCopies: isPadded || frames.at(-1)?.isCopy === true });
      at = end;
    }
    isPadded = isPadding;
  }
  return { frames, regions };
}

/** Records of 0.1.0 precede all others, and exist only in a file without a header. */
const mayBeOld = (header: Header | undefined, frames: readonly Frame[]) =>
  header === undefined && frames.at(-1)?.sequence === undefined;

function frameAt(
  data: Buffer,
  at: number,
  header: Header | undefined,
  frames: readonly Frame[],
): Frame | undefined {
  const frame = readFrame(data, at);
  if (frame === undefined) return mayBeOld(header, frames) ? readOldFrame(data, at) : undefined;
  // Blocks of a removed file may contain its old records.
  const isStale = (frame.sequence ?? 0) < (header?.firstSequence ?? 0);
  return isStale ? undefined : frame;
}

function nextFrameAt(
  data: Buffer,
  from: number,
  header: Header | undefined,
  frames: readonly Frame[],
): number | undefined {
  let found = nextMarker(data, from);
  while (found !== undefined && frameAt(data, found, header, frames) === undefined) {
    found = nextMarker(data, found + 1);
  }
  if (!mayBeOld(header, frames)) return found;
  for (let at = from; at < (found ?? data.length); at += 1) {
    if (readOldFrame(data, at) !== undefined) return at;
  }
  return found;
}

function isPaddingAt(data: Buffer, at: number, before: Frame | undefined): boolean {
  const end = at + copyDistanceBytes;
  if (before?.sequence === undefined || before.isCopy || data.length <= end) return false;
  return data.compare(zeros, 0, zeros.length, at, end) === 0 && data[end] !== 0;
}

/**
 * Returns true for an interrupted append: it is the last one, and a part of it never reached the
 * medium. Copies are appended only after their originals were synced.
 */
function isTorn(
  data: Buffer,
  header: Header | undefined,
  frames: readonly Frame[],
  { at, end }: Region,
): boolean {
  if (at < (header?.snapshotBytes ?? 0)) return false;
  const behind = frames.filter((frame) => frame.at >= end);
  const [first] = behind;
  const isOld = mayBeOld(header, frames);
  if (first === undefined) return isCutShort(data, at, end, isOld) || hasEmptySector(data, at, end);
  const before = frames.findLast((frame) => frame.at < at)?.sequence;
  if (first.sequence === undefined || before === undefined) return false;
  const isLastBatch = behind.every(({ isCopy, batch }) => !isCopy && batch === first.batch);
  return isLastBatch && before + 1 >= first.batch && hasEmptySector(data, at, end);
}

/** Returns true if a sector was not written: it reads as zeros after the previous data. */
function hasEmptySector(data: Buffer, at: number, end: number): boolean {
  for (let from = at; from < end; from = from - (from % sectorBytes) + sectorBytes) {
    const to = Math.min(end, from - (from % sectorBytes) + sectorBytes);
    if (data.compare(zeros, 0, to - from, from, to) === 0) return true;
  }
  return false;
}
