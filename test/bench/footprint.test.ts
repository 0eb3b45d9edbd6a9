// Guards for what `make bench` reached: counts, bytes and memory of the built agent, with room for
// noise, and no times. docs/internals/measurements.md has the aims.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pause } from '../support/idle.ts';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { runAgent } from './agent-run.ts';
import { createBench } from './context.ts';
import { growthMib, measureFlat } from './flat.ts';
import { hold, zerosOf } from './held.ts';
import { idleOver } from './idle.ts';
import { median } from './part.ts';
import { syncsIn } from './proc.ts';
import { startHeld } from './resume.ts';
import { syncsPerChunk } from './syncs.ts';
import type { Bench } from './part.ts';
import type { Usage } from './proc.ts';

const guards = {
  syncs: 2.3,
  waits: 1.6,
  receivingAnonMib: 14,
  resumeAnonMib: 18,
  /** In the time below: the look at a WebSocket, and a ping if nothing has arrived. */
  idleWakeUps: 4,
  /** A package of 2 GiB compared with one of 64 MiB. */
  growthAnonMib: 4,
} as const;

const test = suite('the footprint');
const mib = 16;
const transports = ['http', 'ws'] as const;
let folder = '';
let bench: Bench;
test.before(() => {
  folder = mkdtempSync(join(process.env['SOTA_AGENT_ROOT'] ?? '.', 'build/footprint-'));
  bench = createBench(folder, Promise.resolve(), mib);
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

for (const transport of transports) {
  test.needs('strace', hasProgram('strace'))(
    `over ${transport} a chunk costs few syncs, and few waits for them`,
    async () => {
      const options = { transport, payload: bench.payload(), untilIndex: 128 };
      const { calls, waits } = await syncsPerChunk(runAgent, options);
      assert.ok(calls <= guards.syncs, `${calls} syncs a chunk`);
      assert.ok(waits <= guards.waits, `${waits} waits a chunk`);
    },
  );

  test(`over ${transport} the memory of a transfer stays near that of an idle Node`, async () => {
    const idle = await bench.idleNode();
    const runs: Usage[] = [];
    for (let round = 0; round < 3; round++) {
      runs.push(await runAgent({ transport, payload: bench.payload() }));
    }
    const aboveMib = median(runs.map((one) => one.peakAnonMib)) - idle.peakAnonMib;
    assert.ok(aboveMib <= guards.receivingAnonMib, `${aboveMib} MiB above an idle Node`);
  });
}

const quietMs = 30_000;

for (const transport of transports) {
  test(`over ${transport} a registered agent sleeps, and writes nothing`, async () => {
    const { wakeUps, bytes } = await idleOver(bench, transport, () => pause(quietMs));
    const count = Math.round((wakeUps * quietMs) / 60_000);
    assert.ok(count <= guards.idleWakeUps, `${count} wake-ups in ${quietMs} ms`);
    assert.is(bytes, 0);
  });
}

test('a start with many stored chunks needs little memory until the first ack', async () => {
  const heldCount = 16_384;
  const payload = zerosOf(folder, heldCount + 1);
  const home = join(folder, 'home');
  await hold(home, payload, heldCount);
  const anonMib: number[] = [];
  for (let round = 0; round < 3; round++) {
    const { usage } = await startHeld(home, payload, heldCount);
    anonMib.push(usage.peakAnonMib);
  }
  const aboveMib = median(anonMib) - (await bench.idleNode()).peakAnonMib;
  assert.ok(aboveMib <= guards.resumeAnonMib, `${aboveMib} MiB above an idle Node`);
});

test('the memory of a transfer does not grow with the size of the package', async () => {
  const growth = growthMib(await measureFlat(['ws']), 'ws');
  assert.ok(growth <= guards.growthAnonMib, `${growth} MiB more`);
});

test('syncs that begin before another one ends are one wait', () => {
  const oneByOne = '7 fdatasync(20) = 0\n9 fdatasync(21) = 0\n';
  assert.equal(syncsIn(oneByOne), { calls: 2, waits: 2 });
  const together =
    '7 fdatasync(20 <unfinished ...>\n9 fsync(21 <unfinished ...>\n' +
    '7 <... fdatasync resumed>) = 0 (DELAYED)\n9 <... fsync resumed>) = 0 (DELAYED)\n';
  assert.equal(syncsIn(together + oneByOne), { calls: 4, waits: 3 });
});

test.run();
