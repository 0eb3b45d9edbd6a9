// Counts the calls of the fsync family, and how often the agent waits for them: calls at the same
// time are one wait. It is a count, so it does not depend on the load of the machine.
import { runAgent } from './agent-run.ts';
import { createLeast } from './least-run.ts';
import { traceSyncs } from './proc.ts';
import type { Bench, Part, Result } from './part.ts';
import type { Syncs, Usage } from './proc.ts';
import type { SenderOptions } from './sender.ts';

const chunksCount = 128;
/** Long enough that a call which does not wait for the other one begins before its end. */
const delayMs = 10;
/** One call for the data and one for the journal, and some at the start. */
const aims = { calls: 2.3, waits: 1.3 } as const;

type Run = (options: SenderOptions, strace: readonly string[]) => Promise<Usage>;

/** Returns both counts for each chunk. */
export async function syncsPerChunk(run: Run, options: SenderOptions): Promise<Syncs> {
  const untilIndex = options.untilIndex ?? chunksCount;
  const traced = { ...options, untilIndex };
  const all = await traceSyncs(async (strace) => void (await run(traced, strace)), delayMs);
  return { calls: all.calls / untilIndex, waits: all.waits / untilIndex };
}

async function run(bench: Bench): Promise<Result> {
  const payload = bench.payload();
  const count = (what: Run, transport: 'http' | 'ws', inFlight: number) => {
    bench.progress(`syncs over ${transport}, ${inFlight} in flight`);
    return syncsPerChunk(what, { transport, payload, inFlight });
  };
  const rows = [
    ['least client, ws', await count(createLeast(bench.folder), 'ws', 1)],
    ['agent, http', await count(runAgent, 'http', 1)],
    ['agent, ws', await count(runAgent, 'ws', 1)],
    ['agent, ws, 16 in flight', await count(runAgent, 'ws', 16)],
  ] as const;
  return {
    table: [
      ['', 'syncs a chunk', 'syncs a MiB', 'waits a chunk'],
      ...rows.map(([name, { calls, waits }]) => {
        return [name, calls.toFixed(2), (calls * 16).toFixed(1), waits.toFixed(2)];
      }),
    ],
    findings: rows
      .filter(([name]) => /^agent, \w+$/.test(name))
      .flatMap(([name, { calls, waits }]) => [
        { what: `${name}: syncs a chunk`, value: calls, aim: aims.calls, digits: 2 },
        { what: `${name}: waits a chunk`, value: waits, aim: aims.waits, digits: 2 },
      ]),
  };
}

export const syncs: Part = {
  name: 'syncs',
  about: `calls of the fsync family in ${chunksCount} chunks, and waits for them`,
  run,
};
