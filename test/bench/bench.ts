// `make bench`: measures speed and memory of the built agent. It compares them with a floor (the
// least that Node must do) and with common alternatives. All programs run in one call, in
// interleaved rounds; each figure is a median. Compare the ratios, not the times
// (docs/internals/measurements.md). It fails if a run fails, and never because a run is slow.
import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { packageOfFile } from '../backend/package.ts';
import { runAgent } from './agent-run.ts';
import { createFloor } from './floor-run.ts';
import { createLeast } from './least-run.ts';
import { createPeers } from './peers.ts';
import { countSyncs, inFolder, measure } from './proc.ts';
import { timeResumes } from './resume.ts';
import { benchId } from './sender.ts';
import { median, showResumes, showRows, showVerdicts } from './table.ts';
import type { Floor } from './floor-run.ts';
import type { Least } from './least-run.ts';
import type { Peers } from './peers.ts';
import type { Usage } from './proc.ts';
import type { Payload } from './sender.ts';
import type { Row } from './table.ts';

const mib = Number(process.env['BENCH_MIB'] ?? 256);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
const resumeRounds = 7;
const heldCounts = [0, 4_096, 16_384] as const;
/** Passes under strace are slow, so they end here; their rates are valid for the whole payload. */
const tracedMib = Math.min(32, mib / 2);

type Contestant = {
  readonly name: string;
  /** The row of the floor that syncs as often as this program. */
  readonly floor: string;
  readonly run: (strace?: readonly string[]) => Promise<Usage>;
  readonly tracedMib: number;
};

function contestantsOf(
  payload: Payload,
  floor: Floor,
  runLeast: Least,
  peers: Peers,
): readonly Contestant[] {
  const [one, four] = ['floor, sync each chunk', 'floor, sync each 4 chunks'];
  const bare = (name: string, batch: number): Contestant => ({
    name,
    floor: name,
    run: (strace) => floor.run(batch, strace),
    tracedMib: mib,
  });
  const client = (
    [name, run]: readonly [string, Least],
    transport: 'http' | 'ws',
    inFlight = 1,
  ): Contestant => ({
    name: `${name}, ${transport}${inFlight === 1 ? '' : `, ${inFlight} in flight`}`,
    floor: inFlight === 1 ? one : four,
    run: async (strace) => {
      const until = strace === undefined ? {} : { untilIndex: tracedMib * 16 };
      return run({ transport, payload, inFlight, ...until }, strace);
    },
    tracedMib,
  });
  const [least, agent] = [['least client', runLeast] as const, ['agent', runAgent] as const];
  const peer = (name: string, commands: readonly (readonly string[])[]): Contestant => ({
    name,
    floor: one,
    run: (strace = []) => measure(commands.map((command) => [...strace, ...command])),
    tracedMib: mib,
  });
  return [
    bare(one, 1),
    client(least, 'http'),
    client(agent, 'http'),
    client(least, 'ws'),
    client(agent, 'ws'),
    bare(four, 4),
    client(agent, 'http', 16),
    client(agent, 'ws', 16),
    peer('curl, sha1sum, sync', peers.curl),
    peer('swupdate -d', peers.swupdate),
  ];
}

function makePayload(folder: string): Payload {
  const path = join(folder, 'payload');
  const file = openSync(path, 'w');
  const data = Buffer.allocUnsafe(1_048_576);
  for (let at = 0; at < mib; at++) writeSync(file, randomFillSync(data));
  closeSync(file);
  return { path, one: packageOfFile(benchId, path) };
}

/** Runs one round after the other, so that other load on the machine affects all contestants. */
async function race(contestants: readonly Contestant[]): Promise<readonly Row[]> {
  const rows = contestants.map(({ name, floor }) => ({ name, floor, usages: new Array<Usage>() }));
  for (let round = 0; round < rounds; round++) {
    for (const [at, { name, run }] of contestants.entries()) {
      say(`round ${round + 1} of ${rounds}: ${name}`);
      rows[at]?.usages.push(await run());
    }
  }
  const traced: Row[] = [];
  for (const [at, { name, run, tracedMib: overMib }] of contestants.entries()) {
    say(`counting syncs: ${name}`);
    const syncs = await countSyncs(async (strace) => void (await run(strace)));
    const row = rows[at];
    if (row !== undefined) traced.push({ ...row, syncsPerMib: syncs / overMib });
  }
  return traced;
}

function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

const loadNow = () =>
  loadavg()
    .map((load) => load.toFixed(1))
    .join(' ');

async function main(folder: string): Promise<void> {
  const startedMs = performance.now();
  console.log(`${cpus().length} CPUs (${cpus()[0]?.model}), load ${loadNow()} at the start`);
  const payload = makePayload(folder);
  const floor = createFloor(folder, payload);
  const peers = await createPeers(folder, payload.path);
  const idles: Usage[] = [];
  for (let round = 0; round < rounds; round++) idles.push(await floor.idle());
  const rows = await race(contestantsOf(payload, floor, createLeast(folder), peers));
  peers.close();
  say('resumes');
  const resumes = await timeResumes(payload, heldCounts, resumeRounds);
  say('');
  const idleMib = median(idles.map(({ peakRssMib }) => peakRssMib));
  const idleAnonMib = median(idles.map(({ peakAnonMib }) => peakAnonMib));
  console.log(showRows(rows, { mib, rounds, idleMib, idleAnonMib }));
  console.log(showResumes(resumes, idleMib));
  console.log(showVerdicts(rows, resumes, { idleMib, idleAnonMib }));
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  console.log(`${seconds} s; load ${loadNow()} at the end`);
}

try {
  await inFolder(main);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
