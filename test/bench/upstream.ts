// Measures the bytes that the agent sends for each chunk, with all headers of HTTP or WebSocket, in
// packages of several sizes. Only the last chunks of each package are sent; the agent starts with
// all others stored (held.ts).
import { join } from 'node:path';
import { inHome } from './agent-run.ts';
import { hold, restoreJournal, zerosOf } from './held.ts';
import { inFolder } from './proc.ts';
import type { Bench, Part, Result } from './part.ts';
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
const chunksPerMib = 16;
const bytesPerChunkMax = 700;

export async function measureUpstream(
  sizesMib: readonly number[] = [64, 256, 1_024],
): Promise<readonly Upstream[]> {
  return inFolder(async (folder) => {
    const found: Upstream[] = [];
    for (const mib of sizesMib) {
      const home = join(folder, String(mib));
      const payload = zerosOf(folder, mib * chunksPerMib);
      const heldCount = payload.one.chunksCount - chunksOfResume - measuredChunks;
      await hold(home, payload, heldCount);
      for (const transport of ['http', 'ws'] as const) {
        restoreJournal(home);
        found.push({ transport, mib, ...(await receiveRest(home, transport, payload, heldCount)) });
      }
    }
    return found;
  });
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

async function run(bench: Bench): Promise<Result> {
  bench.progress('upstream');
  const all = await measureUpstream();
  const aim = bytesPerChunkMax;
  return {
    table: [
      ['', 'bytes a chunk', 'bytes of a restart'],
      ...all.map(({ transport, mib, bytesPerChunk, resumeBytes }) => {
        return [`${transport}, ${mib} MiB`, bytesPerChunk.toFixed(0), String(resumeBytes)];
      }),
    ],
    findings: all.map(({ transport, mib, bytesPerChunk: value }) => {
      return { what: `${transport}, ${mib} MiB: upstream bytes a chunk`, value, aim, digits: 0 };
    }),
  };
}

export const upstream: Part = {
  name: 'upstream',
  about: 'bytes that the agent sends for each chunk at the end of a package, all layers above TCP',
  run,
};
