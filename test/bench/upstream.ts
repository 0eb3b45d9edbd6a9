// Measures the bytes that the agent sends for each chunk, with all headers of HTTP or WebSocket, in
// packages of several sizes. Only the last chunks of each package are sent: in the
// journal of the agent all others are stored; they are zeros.
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { journalFold } from '../../src/agent/journal-fold.ts';
import { policy } from '../../src/agent/backend.ts';
import { transferOf } from '../../src/core/decision-helpers.ts';
import { crc32 } from '../../src/crc32.ts';
import { fullAckChunksMax } from '../../src/limits.ts';
import { decodeJournal, encodeJournal } from '../../src/store/journal-codec.ts';
import { chunkBytes } from '../backend/package.ts';
import { inHome, journalOf } from './agent-run.ts';
import { inFolder } from './proc.ts';
import { benchId } from './sender.ts';
import type { Fact } from '../../src/agent/backend.ts';
import type { Payload, SenderOptions } from './sender.ts';

export type Upstream = {
  readonly transport: SenderOptions['transport'];
  readonly mib: number;
  /** Bytes for each chunk. */
  readonly bytesPerChunk: number;
  /** Bytes for a restart: from the start of the agent to the ack of the eighth new chunk. */
  readonly resumeBytes: number;
};

const chunksOfResume = 8;
const measuredChunks = 64;

export async function measureUpstream(
  sizesMib: readonly number[] = [64, 256, 1_024],
): Promise<readonly Upstream[]> {
  return inFolder(async (folder) => {
    const found: Upstream[] = [];
    for (const mib of sizesMib) {
      const home = join(folder, String(mib));
      const payload = zerosOf(folder, mib);
      const heldCount = payload.one.chunksCount - chunksOfResume - measuredChunks;
      await prepare(home, payload, heldCount);
      for (const transport of ['http', 'ws'] as const) {
        copyFileSync(keptOf(home), journalOf(home));
        found.push({ transport, mib, ...(await receiveRest(home, transport, payload, heldCount)) });
      }
    }
    return found;
  });
}

const keptOf = (home: string) => `${home}/journal.kept`;

/** A package of zeros; its checksum is never verified. */
function zerosOf(folder: string, mib: number): Payload {
  const path = join(folder, 'zeros');
  writeFileSync(path, Buffer.alloc(chunkBytes));
  const sizeBytes = mib * 1_048_576;
  const chunksCount = sizeBytes / chunkBytes;
  const chunk = () => '';
  return { path, one: { id: benchId, sizeBytes, chunksCount, checksum: '0'.repeat(40), chunk } };
}

/** The agent receives so many chunks that it learns how the server reads acks. */
const firstChunks = fullAckChunksMax + 8;

/** Lets an agent receive the first chunks, and adds the others to its journal and its data. */
async function prepare(home: string, payload: Payload, heldCount: number): Promise<void> {
  const options = { transport: 'ws', payload, untilIndex: firstChunks } as const;
  await inHome(home, options, [], async (sender) => void (await sender.done));
  const { facts } = decodeJournal(journalFold, readFileSync(journalOf(home)));
  const [one] = policy.replay(facts).core.packages.values();
  const number = (one === undefined ? undefined : transferOf(one))?.number ?? 0;
  const crc = crc32(new Uint8Array(chunkBytes));
  const stored = Array.from({ length: heldCount - firstChunks }, (_, at): Fact => {
    const chunkIndex = at + firstChunks + 1;
    return { kind: 'chunk-stored', number, chunkIndex, sizeBytes: chunkBytes, crc };
  });
  const all = policy.snapshot(policy.replay([...facts, ...stored]));
  writeFileSync(keptOf(home), encodeJournal(journalFold, all, 1));
  const data = join(home, 'state/packages', String(number), 'data');
  if (statSync(data).size < heldCount * chunkBytes) truncateSync(data, heldCount * chunkBytes);
}

async function receiveRest(
  home: string,
  transport: Upstream['transport'],
  payload: Payload,
  heldCount: number,
): Promise<Pick<Upstream, 'bytesPerChunk' | 'resumeBytes'>> {
  const resumed = heldCount + chunksOfResume;
  const options = { transport, payload, untilIndex: resumed + measuredChunks };
  return inHome(home, options, [], async (sender) => {
    await sender.done;
    if (Number.isNaN(sender.upstreamBytesAt(heldCount))) {
      throw new Error(`the agent did not resume with chunk ${heldCount}`);
    }
    const resumeBytes = sender.upstreamBytesAt(resumed);
    const bytes = sender.upstreamBytesAt(resumed + measuredChunks) - resumeBytes;
    return { bytesPerChunk: bytes / measuredChunks, resumeBytes };
  });
}
