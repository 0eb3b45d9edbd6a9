// `make sim`: runs the campaign of CI as a table. `SEED=` with `CUT=`, `JOURNEY=`, `FAULT=` replays
// one run and prints its trace. `LONG=1` continues with new seeds until there were a million
// interruptions.
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { newTally, sum } from './campaign.ts';
import { layers, runLayer } from './ci.ts';
import { scenarioOf } from './replay.ts';
import { runLong } from './long.ts';
import { huntFor } from '../support/mutate.ts';
import { hunt, mutants } from './mutants.ts';
import { simulate } from './world.ts';
import type { Tally } from './campaign.ts';
import type { Journey } from './journeys.ts';

const { SEED: seed, CUT: cut, JOURNEY: journey, FAULT: fault, LONG: long } = process.env;
const columns = ['operations', 'singles', 'pairs', 'nested', 'faults', 'cuts', 'runs'] as const;
const startedMs = performance.now();

try {
  if (long === '1') finish(await runLong(Number(seed ?? 1_000), Number(cut ?? 1_000_000), row));
  else if (seed === undefined && cut === undefined) finish(await campaign());
  else await replay();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

async function replay(): Promise<void> {
  const scenario = scenarioOf({ seed, cut, journey, fault });
  const outcome = await simulate({ ...scenario, trace: (line) => console.log(line) });
  const { failure, changes, operations, cuts, lives } = outcome;
  console.log(`${operations.length} operations, ${changes} changes, ${cuts} cuts, ${lives} starts`);
  console.log(failure ?? 'all that was promised held');
  if (failure !== undefined) process.exitCode = 1;
}

/**
 * Prints a row for each journey, and below it the failures, each as the command that replays it.
 */
async function campaign(): Promise<readonly Tally[]> {
  const byJourney = new Map<Journey, Tally[]>();
  for (const layer of Object.values(layers)) {
    process.stderr.write(`${layer.title} ...\n`);
    await runLayer(layer, (one, tally) => {
      byJourney.set(one, [...(byJourney.get(one) ?? []), tally]);
    });
  }
  head();
  const all = [...byJourney].map(([one, tallies]) => {
    const its = sum(tallies);
    row(`${one.name} ${one.title}`, its);
    return its;
  });
  return [...all, await broken()];
}

/** Tests the simulator on agents that are broken on purpose. */
async function broken(): Promise<Tally> {
  const tally = newTally();
  for (const mutant of mutants) {
    const { found } = await huntFor(hunt, mutant);
    tally.runs += 1;
    if (found === undefined) tally.failures.push(`an agent that ${mutant.name} survived`);
  }
  row(`${mutants.length} mutants, ${mutants.length - tally.failures.length} caught`, tally);
  return tally;
}

function head(): void {
  const title = `| ${'journey'.padEnd(48)} |${columns.map((name) => cell(name)).join('')}`;
  console.log(`${title}\n|${'-'.repeat(50)}|${columns.map(() => `${'-'.repeat(11)}:|`).join('')}`);
}

function row(name: string, tally: Tally): void {
  console.log(`| ${name.padEnd(48)} |${columns.map((key) => cell(tally[key])).join('')}`);
  for (const failure of tally.failures) console.log(`FAILED: ${failure}`);
}

function cell(value: string | number): string {
  return ` ${String(value).padStart(10)} |`;
}

function finish(tallies: readonly Tally[]): void {
  const all = tallies.length === 0 ? newTally() : sum(tallies);
  row('all', all);
  const seconds = (performance.now() - startedMs) / 1_000;
  const years = (all.worldMs / (365.25 * 86_400_000)).toFixed(1);
  const rate = `${Math.round(all.cuts / seconds)} a second`;
  console.log(`${all.cuts} cuts, ${rate}; ${years} device-years in ${seconds.toFixed(0)} s`);
  const failed = all.failures.length;
  console.log(`${all.runs - failed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = failed === 0 && all.runs > 0 ? 0 : 1;
}
