// `make fuzz`: sends hostile input to the agent in this process, then over real sockets to the
// executable. `WAY=` selects one way (inside, http, ws, silence). `SEED=` and `INPUTS=` replay a
// failure or continue from there. `LONG=1` sends ten million inputs.
import process from 'node:process';
import { runCampaign } from './campaign.ts';
import { isWay, runAttacks } from './sockets/campaign.ts';
import { createWatchdog } from './watchdog.ts';

const { SEED: seed = '1', INPUTS: inputs, LONG: long, WAY: way } = process.env;
const isLong = long === '1';
// A seed without a way belongs to `inside`, whose failures print no way.
const isInside = way === undefined || way === 'inside';
const isOutside = isWay(way) || (way === undefined && inputs === undefined);

async function inside(): Promise<boolean> {
  const watchdog = createWatchdog();
  const count = Number(inputs ?? (isLong ? 9_900_000 : 184_000));
  const startedMs = performance.now();
  const tally = await runCampaign(Number(seed), count, watchdog);
  watchdog.stop();
  const seconds = (performance.now() - startedMs) / 1_000;
  const { rounds, taken, refused, slowestMs, rssBytes, failure } = tally;
  console.log(`${tally.inputs} inputs in ${rounds} rounds, ${seconds.toFixed(1)} s`);
  console.log(
    `${taken} taken, ${refused} refused; slowest ${slowestMs.toFixed(0)} ms; ` +
      `RSS ${(rssBytes / 1_048_576).toFixed(0)} MiB`,
  );
  console.log(failure ?? 'all that was promised held');
  return failure === undefined;
}

async function outside(): Promise<boolean> {
  const count = Number(inputs ?? (isLong ? 100_000 : 16_000));
  const startedMs = performance.now();
  try {
    const sent = await runAttacks(isWay(way) ? way : undefined, Number(seed), count);
    const seconds = (performance.now() - startedMs) / 1_000;
    console.log(`${sent} inputs over sockets, ${seconds.toFixed(1)} s: all that was promised held`);
    return true;
  } catch (error) {
    console.log(error instanceof Error ? error.message : String(error));
    return false;
  }
}

if (way !== undefined && !isInside && !isOutside) {
  throw new Error('WAY= is inside, http, ws or silence');
}
const held = (!isInside || (await inside())) && (!isOutside || (await outside()));
// An attack that failed may leave connections open.
process.exit(held ? 0 : 1);
