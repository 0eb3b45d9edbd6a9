// A fact as bytes: [length u32][CRC-32 of the payload u32][payload], little-endian; the payload
// is JSON. A chunk's fact, by far the most frequent, is a short array, so that it stays within 64
// bytes (P7).
import { assert } from '../assert.ts';
import { crc32 } from '../core/crc32.ts';
import { recordBytesMax, recordChunkBytesMax } from '../limits.ts';
import { isFact } from './shape.ts';
import type { Fact } from '../core/events.ts';

const headBytes = 8;

export function encodeRecord(fact: Fact): Uint8Array {
  const payload = Buffer.from(JSON.stringify(spell(fact)));
  assert(payload.length + headBytes <= recordBytesMax, `record of ${fact.kind} is too long`);
  assert(
    fact.kind !== 'chunk-held' || payload.length + headBytes <= recordChunkBytesMax,
    'record of a chunk is too long',
  );
  const record = Buffer.allocUnsafe(headBytes + payload.length);
  record.writeUInt32LE(payload.length, 0);
  record.writeUInt32LE(crc32(payload), 4);
  payload.copy(record, headBytes);
  return record;
}

function spell(fact: Fact): unknown {
  if (fact.kind === 'chunk-held') {
    return ['c', fact.number, fact.chunkIndex, fact.sizeBytes, fact.crc];
  }
  if (fact.kind === 'page-held') {
    const { held, crcs } = fact.data;
    const data = {
      held: base64(held),
      crcs: base64(new Uint8Array(Uint32Array.from(crcs).buffer)),
    };
    return { ...fact, data };
  }
  return fact;
}

const base64 = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

export type Decoded = {
  readonly facts: readonly Fact[];
  /** Where the sound records end; what follows is a torn tail. */
  readonly soundBytes: number;
  /** Sound records that no fact of this version is spelled like. */
  readonly unknownCount: number;
};

/** Reads records up to the first that is not whole. Facts, not bytes, say what exists. */
export function decodeRecords(bytes: Uint8Array): Decoded {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const facts: Fact[] = [];
  let at = 0;
  let unknownCount = 0;
  while (at + headBytes <= data.length) {
    const payloadBytes = data.readUInt32LE(at);
    const end = at + headBytes + payloadBytes;
    // A hole of zeros has the CRC of nothing: no record is empty.
    if (payloadBytes === 0 || payloadBytes + headBytes > recordBytesMax || end > data.length) break;
    const payload = data.subarray(at + headBytes, end);
    if (crc32(payload) !== data.readUInt32LE(at + 4)) break;
    const fact = read(payload);
    if (fact === undefined) unknownCount += 1;
    else facts.push(fact);
    at = end;
  }
  return { facts, soundBytes: at, unknownCount };
}

function read(payload: Buffer): Fact | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
  const fact = unspell(value);
  return isFact(fact) ? fact : undefined;
}

function unspell(value: unknown): unknown {
  if (Array.isArray(value) && value[0] === 'c') {
    const [, number, chunkIndex, sizeBytes, crc]: readonly unknown[] = value;
    return { kind: 'chunk-held', number, chunkIndex, sizeBytes, crc };
  }
  if (!isPage(value)) return value;
  const held = new Uint8Array(Buffer.from(value.data.held, 'base64'));
  const crcs = new Uint8Array(Buffer.from(value.data.crcs, 'base64'));
  if (crcs.length % 4 !== 0) return undefined;
  return { ...value, data: { held, crcs: new Uint32Array(crcs.buffer) } };
}

function isPage(
  value: unknown,
): value is { readonly data: { readonly held: string; readonly crcs: string } } {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  if (value.kind !== 'page-held' || !('data' in value)) return false;
  const { data } = value;
  if (typeof data !== 'object' || data === null || !('held' in data) || !('crcs' in data)) {
    return false;
  }
  return typeof data.held === 'string' && typeof data.crcs === 'string';
}
