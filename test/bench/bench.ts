// `make bench`: measures the built agent in parts (part.ts), and prints each aim with its result.
// Compare ratios within one run, counts and bytes; times depend on the machine
// (docs/internals/measurements.md). It fails if a run fails, and never because a run is slow.
//
//   ONLY=receive,upstream make bench     these parts alone
//   BENCH_MIB=64 BENCH_ROUNDS=1          less payload, fewer rounds
import { cpus, loadavg } from 'node:os';
import process from 'node:process';
import { createBench } from './context.ts';
import { days } from './days.ts';
import { flat } from './flat.ts';
import { idle } from './idle.ts';
import { inFolder } from './proc.ts';
import { receive } from './receive.ts';
import { resume } from './resume.ts';
import { scale } from './scale.ts';
import { syncs } from './syncs.ts';
import { isMet, show } from './table.ts';
import { upstream } from './upstream.ts';
import { wait } from './wait.ts';
import type { Part, Result } from './part.ts';

const parts: readonly Part[] = [receive, syncs, wait, upstream, resume, flat, scale, days, idle];

const loadNow = () =>
  loadavg()
    .map((load) => load.toFixed(1))
    .join(' ');

/** Returns the parts that ONLY names, in the order of `parts`; without ONLY, all parts. */
function partsOf(only = ''): readonly Part[] {
  const names = only.split(',').filter((name) => name !== '');
  const unknown = names.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    const known = parts.map(({ name }) => name).join(', ');
    throw new Error(`ONLY=${only}: no part ${unknown.join(', ')}; the parts are ${known}`);
  }
  return parts.filter(({ name }) => names.length === 0 || names.includes(name));
}

async function main(folder: string): Promise<void> {
  const chosen = partsOf(process.env['ONLY']);
  const startedMs = performance.now();
  console.log(`${cpus().length} CPUs (${cpus()[0]?.model}), load ${loadNow()} at the start`);
  let endOthers: () => void = () => undefined;
  const mib = Number(process.env['BENCH_MIB'] ?? 256);
  const bench = createBench(folder, new Promise((done) => (endOthers = done)), mib);
  const results: Result[] = [];
  const run = async (part: Part) => {
    const result = await part.run(bench);
    bench.progress('');
    console.log(show(part, result));
    results.push(result);
  };
  const quiet = Promise.all(chosen.filter(({ isQuiet }) => isQuiet).map(run));
  // A failure is reported where it is awaited.
  quiet.catch(() => undefined);
  try {
    for (const part of chosen.filter(({ isQuiet }) => !isQuiet)) await run(part);
  } finally {
    endOthers();
  }
  await quiet;
  const findings = results.flatMap((result) => result.findings);
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  console.log(`\n${findings.filter(isMet).length} of ${findings.length} aims are met`);
  console.log(`${seconds} s; load ${loadNow()} at the end`);
}

try {
  await inFolder(main);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
