// Makes the files of an agent that was killed with a number of stored chunks, without sending them:
// all but the first ones are added to its journal and its data. They are zeros.
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { journalFold } from '../../src/agent/journal-fold.ts';
import { policy } from '../../src/agent/backend.ts';
import { transferOf } from '../../src/core/decision-helpers.ts';
import { crc32 } from '../../src/crc32.ts';
import { fullAckChunksMax, journalSlackBytesMax } from '../../src/limits.ts';
import { encodeBatch, encodeJournal } from '../../src/store/journal-codec.ts';
import { chunkBytes } from '../backend/package.ts';
import { decodeJournal } from '../support/decode-journal.ts';
import { inHome, journalOf } from './agent-run.ts';
import { benchId } from './sender.ts';
import type { Fact } from '../../src/agent/backend.ts';
import type { Payload } from './sender.ts';

/** The agent receives so many chunks that it learns how the server reads acks. */
const firstChunks = fullAckChunksMax + 8;

/** A package of zeros; its checksum is never verified. */
export function zerosOf(folder: string, chunksCount: number): Payload {
  const path = join(folder, 'zeros');
  writeFileSync(path, Buffer.alloc(chunkBytes));
  const sizeBytes = chunksCount * chunkBytes;
  const chunk = () => '';
  return { path, one: { id: benchId, sizeBytes, chunksCount, checksum: '0'.repeat(40), chunk } };
}

/** Lets an agent open the transfer, and makes the files as if it had stored `heldCount` chunks. */
export async function hold(home: string, payload: Payload, heldCount: number): Promise<void> {
  const received = Math.min(firstChunks, heldCount);
  const options = { transport: 'ws', payload, untilIndex: received } as const;
  await inHome(home, options, [], async (sender) => void (await sender.done));
  const { facts } = decodeJournal(journalFold, readFileSync(journalOf(home)));
  const [one] = policy.replay(facts).core.packages.values();
  const number = (one === undefined ? undefined : transferOf(one))?.number ?? 0;
  const crc = crc32(new Uint8Array(chunkBytes));
  const stored = Array.from({ length: heldCount - received }, (_, at): Fact => {
    const chunkIndex = at + received + 1;
    return { kind: 'chunk-stored', number, chunkIndex, sizeBytes: chunkBytes, crc };
  });
  writeFileSync(keptOf(home), journalWith(facts, stored));
  const data = join(home, 'state/packages', String(number), 'data');
  if (statSync(data).size < heldCount * chunkBytes) truncateSync(data, heldCount * chunkBytes);
}

/** Shortly before the next compaction: a snapshot, and as many single records as fit after it. */
function journalWith(facts: readonly Fact[], stored: readonly Fact[]): Buffer {
  const { codec } = journalFold;
  const recordBytes = encodeBatch(codec, stored.slice(-1), 1).originals.length;
  const singles = Math.min(stored.length, Math.floor(journalSlackBytesMax / (recordBytes + 1)));
  const before = stored.slice(0, stored.length - singles);
  const snapshot = encodeJournal(
    journalFold,
    policy.snapshot(policy.replay([...facts, ...before])),
    1,
  );
  const { nextSequence } = decodeJournal(journalFold, snapshot);
  const records = stored
    .slice(stored.length - singles)
    .map((fact, at) => encodeBatch(codec, [fact], nextSequence + at).originals);
  return Buffer.concat([snapshot, ...records]);
}

const keptOf = (home: string) => `${home}/journal.kept`;

/** Puts the journal back as `hold` left it. */
export function restoreJournal(home: string): void {
  copyFileSync(keptOf(home), journalOf(home));
}
