// Runs the attacks of all ways, in sequence or in parallel. A failure is printed as the command
// that replays it. Each wait of an attack ends when there is no progress, so an attack that hangs
// ends.
import process from 'node:process';
import { attackInSilence, attackConnection } from './attack-connection.ts';
import { attackListener } from './attack.ts';
import type { Attack } from './attack.ts';

export const ways = {
  http: attackListener,
  ws: attackConnection,
  silence: attackInSilence,
} as const;
export type Way = keyof typeof ways;

export const isWay = (name: string | undefined): name is Way =>
  name !== undefined && Object.hasOwn(ways, name);

export async function runAttack(way: Way, seed: number, inputs: number): Promise<Attack> {
  try {
    return await ways[way](seed, inputs);
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const replay = `make fuzz WAY=${way} SEED=${seed} INPUTS=${inputs}`;
    throw new Error(`${what}\n${replay}`);
  }
}

export function told(way: Way, seed: number, totals: Attack): string {
  const { inputs, answers, refused, rssMib, filesMost, statusMs, chunksBeside } = totals;
  return [
    `${way} seed ${seed}: ${inputs} inputs of ${totals.kinds.size} kinds`,
    `${answers} answers, ${refused} connections without one`,
    `RSS at most ${rssMib.toFixed(0)} MiB, ${filesMost} files more than before`,
    `status within ${statusMs.toFixed(0)} ms, ${chunksBeside} acks of the transfer beside it`,
  ].join('; ');
}

/** Runs attacks of 5 000 inputs over each way in turn; returns the number of inputs. */
export async function runAttacks(
  only: Way | undefined,
  firstSeed: number,
  inputs: number,
): Promise<number> {
  const each = 5_000;
  let sent = 0;
  for (let seed = firstSeed; sent < inputs; seed += 1) {
    const way = only ?? (seed % 2 === 0 ? 'ws' : 'http');
    const totals = await runAttack(way, seed, Math.min(each, inputs - sent));
    sent += totals.inputs;
    process.stdout.write(`${told(way, seed, totals)}\n`);
  }
  return sent;
}
