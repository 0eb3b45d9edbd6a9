// The byte format of the journal: a header that fills the first sector, and records with a marker,
// a checksum and a sequence number. The marker lets a reader find the next record after damage.
import { assert } from '../assert.ts';
import { crc32 } from '../crc32.ts';
import { recordBytesMax } from '../limits.ts';

export const formatVersion = 2;
export const headerBytes = 512;
export const frameHeadBytes = 16;
/** Zeros between the last original of a batch and its first copy. */
export const copyDistanceBytes = 4_096;

const magic = Buffer.from('SOTA-AGENT-STORE');
/** Most of its bytes never occur in UTF-8 text, so no payload contains the marker. */
const marker = Buffer.from([0xf5, 0x53, 0x41, 0xf6]);
/** The sector contains the header twice, so that one copy survives a damaged byte. */
const headerCopyAt = [0, headerBytes / 2] as const;
const headerCopyBytes = headerBytes / 2;
const headerCrcAt = headerCopyBytes - 4;
const copyFlag = 0x8000;
const placeMax = 0x7fff;
const oldHeadBytes = 8;
const maxUint32 = 0xffff_ffff;

export type Header = {
  readonly version: number;
  /** Sequence number of the first record. */
  readonly firstSequence: number;
  /** Header and records that were synced before the file got its name. */
  readonly snapshotBytes: number;
};

export type Frame = {
  readonly at: number;
  readonly end: number;
  readonly payloadAt: number;
  /** Undefined in a journal of 0.1.0. */
  readonly sequence: number | undefined;
  /** Sequence number of the first record that was appended together with this one. */
  readonly batch: number;
  readonly isCopy: boolean;
};

export function encodeHeader(
  { firstSequence, snapshotBytes }: Omit<Header, 'version'>,
  version = formatVersion,
): Buffer {
  const header = Buffer.alloc(headerCopyBytes);
  magic.copy(header, 0);
  header.writeUInt32LE(version, 16);
  header.writeUInt32LE(firstSequence, 20);
  header.writeUInt32LE(snapshotBytes, 24);
  header.writeUInt32LE(crc32(header.subarray(0, headerCrcAt)), headerCrcAt);
  return Buffer.concat(headerCopyAt.map(() => header));
}

/** Returns the first intact header; undefined if none is there. */
export function readHeader(data: Buffer): Header | undefined {
  if (data.length < headerBytes) return undefined;
  for (const at of headerCopyAt) {
    const header = headerIn(data.subarray(at, at + headerCopyBytes));
    if (header !== undefined) return header;
  }
  return undefined;
}

/** Returns true if each copy of the header is as it was written. */
export function isHeaderWhole(data: Buffer): boolean {
  const [first, second] = headerCopyAt.map((at) => data.subarray(at, at + headerCopyBytes));
  return first !== undefined && second !== undefined && first.equals(second);
}

/** Of 16 bytes. A file of another program does not have so many of them. */
const magicBytesMin = 12;

/** Returns true if the file began with a header, even if it is damaged. */
export function remindsOfHeader(data: Buffer): boolean {
  return headerCopyAt.some((from) => {
    const given = data.subarray(from, from + magic.length);
    return [...given].filter((byte, at) => byte === magic[at]).length >= magicBytesMin;
  });
}

function headerIn(data: Buffer): Header | undefined {
  if (magic.compare(data, 0, magic.length) !== 0) return undefined;
  const sum = data.readUInt32LE(headerCrcAt);
  if (crc32(data.subarray(0, headerCrcAt)) !== sum) return undefined;
  const [version, firstSequence] = [data.readUInt32LE(16), data.readUInt32LE(20)];
  return { version, firstSequence, snapshotBytes: data.readUInt32LE(24) };
}

export function encodeFrame(
  payload: Uint8Array,
  sequence: number,
  place: number,
  isCopy: boolean,
): Buffer {
  const frame = Buffer.allocUnsafe(frameHeadBytes + payload.length);
  assert(frame.length <= recordBytesMax, 'journal: a record is too long');
  assert(sequence <= maxUint32, 'journal: no sequence number is left');
  marker.copy(frame, 0);
  frame.writeUInt32LE(sequence, 8);
  frame.writeUInt16LE(payload.length, 12);
  frame.writeUInt16LE(Math.min(place, placeMax) | (isCopy ? copyFlag : 0), 14);
  frame.set(payload, frameHeadBytes);
  frame.writeUInt32LE(crc32(frame.subarray(8)), 4);
  return frame;
}

/** Returns undefined if no intact record begins at `at`. */
export function readFrame(data: Buffer, at: number): Frame | undefined {
  if (at + frameHeadBytes > data.length) return undefined;
  if (data.compare(marker, 0, marker.length, at, at + marker.length) !== 0) return undefined;
  const payloadBytes = data.readUInt16LE(at + 12);
  const end = at + frameHeadBytes + payloadBytes;
  if (payloadBytes === 0 || end > data.length) return undefined;
  if (crc32(data.subarray(at + 8, end)) !== data.readUInt32LE(at + 4)) return undefined;
  const sequence = data.readUInt32LE(at + 8);
  const place = data.readUInt16LE(at + 14);
  const batch = Math.max(0, sequence - (place & placeMax));
  const isCopy = (place & copyFlag) !== 0;
  return { at, end, payloadAt: at + frameHeadBytes, sequence, batch, isCopy };
}

/** A record of 0.1.0: length, CRC-32 of the payload, payload. */
export function readOldFrame(data: Buffer, at: number): Frame | undefined {
  if (at + oldHeadBytes >= data.length) return undefined;
  const payloadBytes = data.readUInt32LE(at);
  const end = at + oldHeadBytes + payloadBytes;
  // Zeros match the CRC of an empty payload, so a record is never empty.
  if (payloadBytes === 0 || payloadBytes + oldHeadBytes > recordBytesMax) return undefined;
  if (end > data.length) return undefined;
  const payload = data.subarray(at + oldHeadBytes, end);
  if (!isJsonStart(payload[0]) || crc32(payload) !== data.readUInt32LE(at + 4)) return undefined;
  const payloadAt = at + oldHeadBytes;
  return { at, end, payloadAt, sequence: undefined, batch: 0, isCopy: false };
}

const isJsonStart = (byte: number | undefined) => byte === 0x7b || byte === 0x5b;

/** The first bytes of payloads of 0.1.0; the fact of a chunk is an array. */
const oldBeginnings = ['{"kind":"', '["c",'].map((text) => Buffer.from(text));

/**
 * Returns true if a file without an intact record begins like a journal of 0.1.0: one byte of its
 * only record may be damaged, or the end of the record may be missing.
 */
export function beginsAsOld(data: Buffer): boolean {
  const payload = data.subarray(oldHeadBytes);
  const isPayload = oldBeginnings.some((wanted) => {
    const given = payload.subarray(0, wanted.length);
    const differing = [...given].filter((byte, at) => byte !== wanted[at]).length;
    return given.length === wanted.length && differing <= 1;
  });
  if (isPayload) return true;
  const isShort = payload.length < Math.max(...oldBeginnings.map(({ length }) => length));
  const length = data.length < 4 ? 0 : data.readUInt32LE(0);
  return isShort && length > 0 && length <= recordBytesMax - oldHeadBytes;
}

export function nextMarker(data: Buffer, from: number): number | undefined {
  const found = data.indexOf(marker, from);
  return found === -1 ? undefined : found;
}

/** Returns true if the length field of the record at `at` exceeds the region. */
export function isCutShort(data: Buffer, at: number, end: number, isOld: boolean): boolean {
  if (end - at < (isOld ? oldHeadBytes : frameHeadBytes)) return true;
  if (isOld) return at + oldHeadBytes + data.readUInt32LE(at) > end;
  const isMarked = data.compare(marker, 0, marker.length, at, at + marker.length) === 0;
  return isMarked && at + frameHeadBytes + data.readUInt16LE(at + 12) > end;
}
