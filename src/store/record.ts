// A fact as the payload of a record: JSON. A chunk's fact, by far the most frequent, is a short
// array, so that its record has at most 64 bytes (`recordChunkBytesMax`).
import { assert } from '../assert.ts';
import { recordChunkBytesMax } from '../limits.ts';
import { frameHeadBytes } from './frame.ts';
import { isFact, isRecord } from './fact-schema.ts';
import { fromFlash, toFlash } from './flash-names.ts';
import type { Fact } from '../core/events.ts';

export function payloadOf(fact: Fact): Buffer {
  const payload = Buffer.from(JSON.stringify(spell(fact)));
  assert(
    fact.kind !== 'chunk-stored' || payload.length + frameHeadBytes <= recordChunkBytesMax,
    'record of a chunk is too long',
  );
  return payload;
}

/**
 * Returns true if the server or a person states the fact only once, so that its record is written
 * twice. What is not copied is received or learnt again.
 */
export function isCopied({ kind }: Fact): boolean {
  return !['chunk-stored', 'chunk-removed', 'chunk-page', 'resume-method-learned'].includes(kind);
}

function spell(fact: Fact): unknown {
  if (fact.kind === 'chunk-stored') {
    return ['c', fact.number, fact.chunkIndex, fact.sizeBytes, fact.crc];
  }
  if (fact.kind !== 'chunk-page') return toFlash(fact);
  const { held, crcs } = fact.data;
  const data = {
    held: base64(held),
    crcs: base64(new Uint8Array(Uint32Array.from(crcs).buffer)),
  };
  return { ...toFlash(fact), data };
}

const base64 = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** Returns undefined if this version has no such fact. */
export function factOf(payload: Buffer): Fact | undefined {
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
    return { kind: 'chunk-stored', number, chunkIndex, sizeBytes, crc };
  }
  const fact = isRecord(value) ? fromFlash(value) : undefined;
  if (fact?.['kind'] !== 'chunk-page') return fact;
  const { data } = fact;
  if (!isRecord(data) || typeof data['held'] !== 'string' || typeof data['crcs'] !== 'string') {
    return undefined;
  }
  const held = new Uint8Array(Buffer.from(data['held'], 'base64'));
  const crcs = new Uint8Array(Buffer.from(data['crcs'], 'base64'));
  if (crcs.length % 4 !== 0) return undefined;
  return { ...fact, data: { held, crcs: new Uint32Array(crcs.buffer) } };
}
