// Writes journals in the format of 0.1.0: records of length, CRC-32 and payload only.
import { journalFold } from '../../src/agent/journal-fold.ts';
import { crc32 } from '../../src/crc32.ts';
import { payloadOf } from '../../src/store/record.ts';
import type { Fact } from '../../src/agent/backend.ts';

export function oldRecord(fact: Fact): Buffer {
  return oldRecordOf(payloadOf(journalFold.codec, fact));
}

export function oldRecordOf(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crc32(payload), 4);
  return Buffer.concat([head, payload]);
}

export const oldJournal = (facts: readonly Fact[]) => Buffer.concat(facts.map(oldRecord));
