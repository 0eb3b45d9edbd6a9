// Receives the last chunks of a small package and of the largest one: the memory that a transfer
// needs must not grow with its size. All other chunks are stored before (held.ts). The journal of
// the largest package is rewritten meanwhile.
import { join } from 'node:path';
import { inHome } from './agent-run.ts';
import { medianUsage } from './context.ts';
import { hold, restoreJournal, zerosOf } from './held.ts';
import { inFolder } from './proc.ts';
import type { Bench, Part, Result } from './part.ts';
import type { Usage } from './proc.ts';
import type { Payload, SenderOptions } from './sender.ts';

const transports = ['http', 'ws'] as const;
type Transport = SenderOptions['transport'];
const sizesMib = [64, 2_048] as const;
const chunksPerMib = 16;
/** One chunk stays missing, so the agent does not verify. */
const receivedChunks = 255;
const rounds = 3;
const aimMib = 2;

export type Sized = {
  readonly transport: Transport;
  readonly mib: number;
  readonly usage: Usage;
};

type Cell = Omit<Sized, 'usage'> & { readonly usages: Usage[] };

async function receiveLast(
  home: string,
  transport: Transport,
  payload: Payload,
  heldCount: number,
): Promise<Usage> {
  restoreJournal(home);
  const options = { transport, payload, untilIndex: heldCount + receivedChunks };
  return inHome(home, options, [], async (sender, agent) => {
    await sender.done;
    const { lastIndex } = await sender.acked;
    if (lastIndex !== heldCount) throw new Error(`chunk ${lastIndex} is acked, not ${heldCount}`);
    return agent.usage();
  });
}

/** The medians of the rounds, in which the sizes take turns. */
export async function measureFlat(
  of: readonly Transport[] = transports,
  progress: (text: string) => void = () => undefined,
): Promise<readonly Sized[]> {
  return inFolder(async (folder) => {
    const cells: readonly Cell[] = sizesMib.flatMap((mib) =>
      of.map((transport) => ({ mib, transport, usages: [] })),
    );
    const placeOf = (mib: number) => {
      const payload = zerosOf(folder, mib * chunksPerMib);
      const heldCount = payload.one.chunksCount - receivedChunks - 1;
      return { payload, heldCount, home: join(folder, String(mib)) };
    };
    for (const mib of sizesMib) {
      const { home, payload, heldCount } = placeOf(mib);
      await hold(home, payload, heldCount);
    }
    for (let round = 1; round <= rounds; round++) {
      progress(`flat: round ${round} of ${rounds}`);
      for (const { mib, transport, usages } of cells) {
        const { home, payload, heldCount } = placeOf(mib);
        usages.push(await receiveLast(home, transport, payload, heldCount));
      }
    }
    return cells.map(({ usages, ...cell }) => ({ ...cell, usage: medianUsage(usages) }));
  });
}

/** Anonymous memory that the largest package needs more than the smallest. */
export function growthMib(sized: readonly Sized[], transport: Transport): number {
  const own = sized.filter((one) => one.transport === transport);
  return (own.at(-1)?.usage.peakAnonMib ?? NaN) - (own[0]?.usage.peakAnonMib ?? NaN);
}

async function run(bench: Bench): Promise<Result> {
  const sized = await measureFlat(transports, bench.progress);
  return {
    table: [
      ['', 'RSS', 'anon'],
      ...sized.map(({ transport, mib, usage }) => [
        `${transport}, ${mib} MiB`,
        usage.peakRssMib.toFixed(0),
        usage.peakAnonMib.toFixed(1),
      ]),
    ],
    findings: transports.map((transport) => ({
      what: `${transport}: anon of ${sizesMib.at(-1)} MiB - ${sizesMib[0]} MiB`,
      value: growthMib(sized, transport),
      aim: aimMib,
      digits: 1,
    })),
  };
}

export const flat: Part = {
  name: 'flat',
  about: `peak memory (MiB) for the last ${receivedChunks} chunks; medians of ${rounds}`,
  run,
};
