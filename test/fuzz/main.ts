// `make fuzz`: `SEED=` and `INPUTS=` replay a failure, or go on from there; `LONG=1` sends ten
// million.
import process from 'node:process';
import { runCampaign } from './campaign.ts';
import { createWatchdog } from './watchdog.ts';

const { SEED: seed = '1', INPUTS: inputs, LONG: long } = process.env;
const watchdog = createWatchdog();
const count = Number(inputs ?? (long === '1' ? 10_000_000 : 200_000));
const startedMs = performance.now();
const tally = await runCampaign(Number(seed), count, watchdog);
watchdog.stop();
const seconds = (performance.now() - startedMs) / 1_000;
const { rounds, taken, refused, slowestMs, rssBytes, failure } = tally;
console.log(`${tally.inputs} inputs in ${rounds} rounds, ${seconds.toFixed(1)} s`);
console.log(`${taken} taken, ${refused} refused; slowest ${slowestMs.toFixed(0)} ms; ` +
  `RSS ${(rssBytes / 1_048_576).toFixed(0)} MiB`);
console.log(failure ?? 'all that was promised held');
process.exitCode = failure === undefined ? 0 : 1;
