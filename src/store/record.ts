// A fact as the payload of a record: JSON. A chunk's fact, by far the most frequent, is a short
// array, so that its record has at most 64 bytes (`recordChunkBytesMax`).
import { assert } from '../assert.ts';
import { recordChunkBytesMax } from '../limits.ts';
import { frameHeadBytes } from './frame.ts';
import { isFact } from './fact-schema.ts';
import type { Fact } from '../core/events.ts';

export function payloadOf(fact: Fact): Buffer {
  const payload = Buffer.from(JSON.stringify(spell(fact)));
  assert(
    fact.kind !== 'chunk-held' || payload.length + frameHeadBytes <= recordChunkBytesMax,
    'record of a chunk is too long',
  );
  return payload;
}

/**
 * Returns true if the server or a person states the fact only once, so that its record is written
 * twice. What is not copied is received or learnt again.
 */
export function isCopied({ kind }: Fact): boolean {
  return !['chunk-held', 'chunk-dropped', 'page-held', 'rung-learnt'].includes(kind);
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
