// Tests the idle cost of the agent on a disk in memory: the test counts writes, syncs and messages
// in a transfer of 256 MiB, on a day without work, and on a day without a node.
import { chunkBytes } from '../../src/limits.ts';
import { createMemoryDisk } from '../support/memory-disk.ts';
import { assert, suite } from '../support/suite.ts';
import { settle } from '../support/control.ts';
import { engine } from '../support/store.ts';
import { startFake } from '../support/daemon.ts';
import { dayMs, dialDay, idleDay, offlineDay } from '../support/days.ts';
import type { CallResult } from '../../src/backends/rvi/transport/transport.ts';

const test = suite('a quiet agent');
const chunksCount = 4_096;
const data = Buffer.alloc(chunkBytes, 0x5a);
const bytes = data.toString('base64');
const start = { package: engine, checksum: 'a'.repeat(40), chunkscount: chunksCount };
const offer = { packages: [{ package: engine, size: chunksCount * chunkBytes }] };

/** Runs a whole download, `burst` chunks at a time, and returns the counted disk operations. */
async function download(burst: number) {
  const disk = createMemoryDisk(undefined, (path) => !path.endsWith('/data'));
  const { node, clock, daemon } = await startFake({ disk });
  node.up();
  await settle();
  node.deliver('/sota/notify', offer);
  await clock.advance(100);
  node.deliver('/sota/start', start);
  await settle();
  for (let index = 1; index <= chunksCount; ) {
    for (let count = 0; count < burst && index <= chunksCount; count += 1, index += 1) {
      node.deliver('/sota/chunk', { index, package: engine, bytes });
    }
    while (daemon.status().packages[0]?.chunksHeld !== index - 1) await settle();
  }
  assert.is(disk.content('/s/packages/1/data')?.length, 0);
  const sum = (is: (path: string) => boolean) =>
    disk.ops
      .filter(({ verb, path }) => verb === 'write' && is(path))
      .reduce((total, op) => total + op.bytes, 0);
  return {
    payload: sum((path) => path.endsWith('/data')),
    journal: sum((path) => path.includes('/journal')),
    syncs: disk.count('sync') + disk.count('sync-directory'),
  };
}

let inBursts: ReturnType<typeof download> | undefined;
const downloadInBursts = () => (inBursts ??= download(8));

test('writes the payload once, and next to nothing beside it', async () => {
  const { payload, journal } = await downloadInBursts();
  assert.is(payload, chunksCount * chunkBytes);
  const amplification = (payload + journal) / payload;
  assert.ok(amplification <= 1.05, `${amplification}`);
  assert.ok(journal / chunksCount <= 64, `${journal / chunksCount} bytes a chunk`);
});

test('syncs less than twice a chunk where chunks come in bursts', async () => {
  const { syncs } = await downloadInBursts();
  assert.ok(syncs / chunksCount < 0.5, `${syncs / chunksCount} syncs a chunk`);
});

test('syncs twice a chunk, and rarely more, where each waits for its ack', async () => {
  const { syncs } = await download(1);
  assert.ok(syncs / chunksCount < 2.01, `${syncs / chunksCount} syncs a chunk`);
});

const minutesOfDay = 1_440;

for (const place of ['local', 'remote'] as const) {
  test(`on a day without work, ${place} node: no write, no line, few wake-ups`, async () => {
    const { wakeUps, calls, writes, codes } = await idleDay(place);
    // The agent still renews its registration.
    assert.ok(calls > 280 * 6, `${calls} calls`);
    assert.ok(wakeUps <= minutesOfDay / 4, `${wakeUps} wake-ups`);
    assert.equal([writes, codes], [0, []]);
  });

  test(`on a day without the ${place} node: no write, one line, bounded wake-ups`, async () => {
    const { wakeUps, calls, writes, codes, debugLines } = await offlineDay(place);
    assert.ok(wakeUps <= 3 * minutesOfDay, `${wakeUps} wake-ups`);
    assert.ok(calls <= 3 * minutesOfDay, `${calls} calls`);
    assert.ok(debugLines <= 3 * minutesOfDay, `${debugLines} lines`);
    assert.equal([writes, codes], [0, ['node-disconnected']]);
  });

  test(`on a day without the ${place} node: bounded attempts to open a WebSocket`, async () => {
    const { wakeUps, dials } = await dialDay(place, false);
    assert.ok(dials >= minutesOfDay / 5, `${dials} attempts`);
    assert.ok(wakeUps <= 3 * minutesOfDay, `${wakeUps} wake-ups`);
    // The clock may be wrong, so the agent looks at it in between.
    const inDoubt = await dialDay(place, true);
    assert.ok(inDoubt.wakeUps <= 3 * minutesOfDay, `${inDoubt.wakeUps} wake-ups`);
  });
}

const seen = (lines: readonly string[]) => lines.filter((one) => !one.startsWith('debug'));

test('says two lines in an outage of a day with work to do, and goes on after it', async () => {
  const disk = createMemoryDisk();
  const { node, clock, lines } = await startFake({ disk });
  node.up();
  await settle();
  node.deliver('/sota/notify', offer);
  await clock.advance(100);
  node.deliver('/sota/start', start);
  await settle();
  node.deliver('/sota/chunk', { index: 1, package: engine, bytes });
  await settle();
  const lineCount = seen(lines.lines).length;
  const refused: CallResult = { ok: false, code: 'refused', reason: 'nobody there' };
  node.answer(() => refused);
  await clock.advance(dayMs);
  node.answer(undefined);
  await clock.advance(600_000);
  const codes = seen(lines.lines)
    .slice(lineCount)
    .map((one) => one.split(' ')[1]);
  // The third line is not about the outage: the server also sends nothing after it.
  assert.equal(codes, ['node-disconnected', 'registered', 'download-stalled']);
});

test.run();
