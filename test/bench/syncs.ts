// Counts the calls of the fsync family, with strace in a run of its own, because strace is slow.
import { runAgent } from './agent-run.ts';
import { createLeast } from './least-run.ts';
import { countSyncs } from './proc.ts';
import type { Bench, Part, Result } from './part.ts';
import type { Usage } from './proc.ts';
import type { SenderOptions } from './sender.ts';

const chunksCount = 256;
/** One sync of the data and one of the journal for a chunk, and some at the start. */
const syncsPerChunkMax = 2.2;

type Run = (options: SenderOptions, strace: readonly string[]) => Promise<Usage>;

async function run(bench: Bench): Promise<Result> {
  const payload = bench.payload();
  const count = async (what: Run, transport: 'http' | 'ws', inFlight: number) => {
    bench.progress(`syncs over ${transport}, ${inFlight} in flight`);
    const options = { transport, payload, inFlight, untilIndex: chunksCount };
    const syncs = await countSyncs(async (strace) => void (await what(options, strace)));
    return syncs / chunksCount;
  };
  const rows = [
    ['least client, ws', await count(createLeast(bench.folder), 'ws', 1)],
    ['agent, http', await count(runAgent, 'http', 1)],
    ['agent, ws', await count(runAgent, 'ws', 1)],
    ['agent, ws, 16 in flight', await count(runAgent, 'ws', 16)],
  ] as const;
  const aim = syncsPerChunkMax;
  return {
    table: [
      ['', 'syncs a chunk', 'syncs a MiB'],
      ...rows.map(([name, syncs]) => [name, syncs.toFixed(2), (syncs * 16).toFixed(1)]),
    ],
    findings: rows
      .filter(([name]) => /^agent, \w+$/.test(name))
      .map(([name, value]) => ({ what: `${name}: syncs a chunk`, value, aim, digits: 2 })),
  };
}

export const syncs: Part = {
  name: 'syncs',
  about: `calls of the fsync family in ${chunksCount} chunks, counted by strace`,
  run,
};
