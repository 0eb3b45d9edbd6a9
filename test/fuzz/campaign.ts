// Runs many rounds; round k has the first seed plus k. A failure is printed as the command that
// replays it, with the last input.
import process from 'node:process';
import { performance } from 'node:perf_hooks';
import { runRound } from './round.ts';

export const roundInputs = 1_000;
/** Limit for the process; one round uses a few MiB. */
export const rssBytesMax = 1_073_741_824;

export type Tally = {
  readonly inputs: number;
  readonly rounds: number;
  readonly taken: number;
  readonly refused: number;
  readonly slowestMs: number;
  readonly rssBytes: number;
  readonly failure: string | undefined;
};

export type Watch = { at(seed: number, input: number): void };

export async function runCampaign(
  firstSeed: number,
  inputs: number,
  watch: Watch = { at: () => undefined },
): Promise<Tally> {
  const tally = { inputs: 0, rounds: 0, taken: 0, refused: 0, slowestMs: 0, rssBytes: 0 };
  let stray: string | undefined;
  const onStray = (error: unknown) => void (stray ??= wordsOf(error));
  process.on('unhandledRejection', onStray);
  process.on('uncaughtException', onStray);
  let failure: string | undefined;
  for (let seed = firstSeed; tally.inputs < inputs && failure === undefined; seed += 1) {
    const count = Math.min(roundInputs, inputs - tally.inputs);
    const last = { at: 0, data: Buffer.alloc(0), startMs: performance.now() };
    const onInput = (at: number, data: Buffer) => {
      const nowMs = performance.now();
      tally.slowestMs = Math.max(tally.slowestMs, nowMs - last.startMs);
      Object.assign(last, { at, data, startMs: nowMs });
      watch.at(seed, at);
    };
    try {
      const { taken, refused } = await runRound(seed, count, onInput);
      tally.taken += taken;
      tally.refused += refused;
      const rssBytes = process.memoryUsage.rss();
      tally.rssBytes = Math.max(tally.rssBytes, rssBytes);
      if (rssBytes > rssBytesMax) throw new Error(`RSS is ${rssBytes}`);
      if (stray !== undefined) throw new Error(stray);
    } catch (error) {
      failure = `${wordsOf(error)}\n${replayLine(seed, last.at + 1)}\n${shown(last.data)}`;
    }
    tally.inputs += count;
    tally.rounds += 1;
  }
  process.off('unhandledRejection', onStray);
  process.off('uncaughtException', onStray);
  return { ...tally, failure };
}

export const replayLine = (seed: number, inputs: number) =>
  `make fuzz SEED=${seed} INPUTS=${inputs}`;

const wordsOf = (error: unknown) =>
  (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, 2_000);

const shown = (data: Buffer) =>
  `last of them (${data.length} bytes): ${JSON.stringify(data.toString().slice(0, 400))}`;
