// From exec to the first ack, when a killed agent resumes a transfer: time, and memory at that
// moment. Each start finds the files as a kill left them, with another number of stored chunks.
import { join } from 'node:path';
import { inHome } from './agent-run.ts';
import { medianUsage } from './context.ts';
import { hold, restoreJournal, zerosOf } from './held.ts';
import { median } from './part.ts';
import { inFolder } from './proc.ts';
import type { Bench, Part, Result } from './part.ts';
import type { Usage } from './proc.ts';
import type { Payload } from './sender.ts';

/** The largest package has 32 768 chunks, and one must be missing. */
const heldCounts = [0, 4_096, 16_384, 32_767] as const;
const startsCount = 5;
const aims = { ms: 1.5, rssMib: 16 } as const;

type Start = { readonly ackMs: number; readonly usage: Usage };
type Held = { readonly heldCount: number; readonly starts: Start[] };

async function run(bench: Bench): Promise<Result> {
  const idle = await bench.idleNode();
  const all: readonly Held[] = heldCounts.map((heldCount) => ({ heldCount, starts: [] }));
  await inFolder(async (folder) => {
    const homeOf = (heldCount: number) => join(folder, String(heldCount));
    for (const { heldCount } of all) {
      bench.progress(`resume: making ${heldCount} chunks`);
      await hold(homeOf(heldCount), payloadOf(folder, heldCount), heldCount);
    }
    for (let round = 1; round <= startsCount; round++) {
      bench.progress(`resume: round ${round} of ${startsCount}`);
      for (const { heldCount, starts } of all) {
        const payload = payloadOf(folder, heldCount);
        starts.push(await startHeld(homeOf(heldCount), payload, heldCount));
      }
    }
  });
  return { table: table(all, idle), findings: findings(all, idle) };
}

/** One chunk is missing, so the agent does not verify. */
const payloadOf = (folder: string, heldCount: number) => zerosOf(folder, heldCount + 1);

/** Starts an agent on the files of `hold`, and kills it after its first ack. */
export async function startHeld(home: string, payload: Payload, heldCount: number): Promise<Start> {
  restoreJournal(home);
  const options = { transport: 'ws', payload, untilIndex: 0 } as const;
  const startedMs = performance.now();
  return inHome(home, options, [], async (sender, agent) => {
    const { atMs, lastIndex } = await sender.acked;
    if (lastIndex !== heldCount) throw new Error(`chunk ${lastIndex} is acked, not ${heldCount}`);
    return { ackMs: atMs - startedMs, usage: agent.usage() };
  });
}

function table(all: readonly Held[], idle: Usage): Result['table'] {
  const lines = all.map((held) => {
    const { peakRssMib, peakAnonMib } = medianUsage(held.starts.map(({ usage }) => usage));
    return [
      `${held.heldCount} chunks held, ${Math.round(held.heldCount / 16)} MiB`,
      median(held.starts.map(({ ackMs }) => ackMs)).toFixed(0),
      msRatio(all, held).toFixed(2),
      peakRssMib.toFixed(0),
      (peakRssMib - idle.peakRssMib).toFixed(0),
      peakAnonMib.toFixed(1),
      (peakAnonMib - idle.peakAnonMib).toFixed(1),
    ];
  });
  return [['', 'ms', 'x empty', 'RSS', '- idle', 'anon', '- idle'], ...lines];
}

/** The median of the ratios of the rounds. */
function msRatio([empty]: readonly Held[], { starts }: Held): number {
  return median(starts.map(({ ackMs }, at) => ackMs / (empty?.starts[at]?.ackMs ?? NaN)));
}

function findings(all: readonly Held[], idle: Usage): Result['findings'] {
  return all.slice(1).flatMap((held) => {
    const { peakRssMib } = medianUsage(held.starts.map(({ usage }) => usage));
    const [ms, rss] = [msRatio(all, held), peakRssMib - idle.peakRssMib];
    const name = `${held.heldCount} chunks held`;
    return [
      { what: `${name}: ms x empty`, value: ms, aim: aims.ms, digits: 2 },
      { what: `${name}: RSS - idle, MiB`, value: rss, aim: aims.rssMib, digits: 1 },
    ];
  });
}

export const resume: Part = {
  name: 'resume',
  about: `from exec to the first ack, ms and peak memory (MiB); medians of ${startsCount}`,
  run,
};
