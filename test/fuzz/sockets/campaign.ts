// Sieges of all ways, one after the other or side by side; what fails is told as the line that
// replays it. Each wait of a siege ends when nothing moves, so a siege that hangs ends.
import process from 'node:process';
import { besiegeInSilence, besiegeLink } from './attack-connection.ts';
import { besiegeListener } from './attack.ts';
import type { Siege } from './attack.ts';

export const ways = { http: besiegeListener, ws: besiegeLink, silence: besiegeInSilence } as const;
export type Way = keyof typeof ways;

export const isWay = (name: string | undefined): name is Way =>
  name !== undefined && Object.hasOwn(ways, name);

export async function runSiege(way: Way, seed: number, inputs: number): Promise<Siege> {
  try {
    return await ways[way](seed, inputs);
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const replay = `make fuzz WAY=${way} SEED=${seed} INPUTS=${inputs}`;
    throw new Error(`${what}\n${replay}`);
  }
}

export function told(way: Way, seed: number, siege: Siege): string {
  const { inputs, answers, refused, rssMib, filesMost, statusMs, chunksBeside } = siege;
  return [
    `${way} seed ${seed}: ${inputs} inputs of ${siege.kinds.size} kinds`,
    `${answers} answers, ${refused} connections without one`,
    `RSS at most ${rssMib.toFixed(0)} MiB, ${filesMost} files more than before`,
    `status within ${statusMs.toFixed(0)} ms, ${chunksBeside} acks of the transfer beside it`,
  ].join('; ');
}

/** Sieges of 5 000 inputs, over each way in turn; gives how many inputs there were. */
export async function runSieges(
  only: Way | undefined,
  firstSeed: number,
  inputs: number,
): Promise<number> {
  const each = 5_000;
  let sent = 0;
  for (let seed = firstSeed; sent < inputs; seed += 1) {
    const way = only ?? (seed % 2 === 0 ? 'ws' : 'http');
    const siege = await runSiege(way, seed, Math.min(each, inputs - sent));
    sent += siege.inputs;
    process.stdout.write(`${told(way, seed, siege)}\n`);
  }
  return sent;
}
