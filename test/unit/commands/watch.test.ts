// Tests the output of watch with a daemon in the same process, whose status the test changes, and a
// manual clock. The test compares the exact characters on the terminal.
import { packageLine } from '../../../src/commands/progress.ts';
import { bytes, duration, soon } from '../../../src/commands/format.ts';
import { assert, suite } from '../../support/suite.ts';
import { receiving, settle, statusOf } from '../../support/control.ts';
import { createWorld, startFakeDaemon } from './fakes.ts';
import type { Status } from '../../../src/core/status.ts';

const test = suite('watch');

const transfer = (chunks: number) => statusOf({ packages: [receiving(chunks, 160)] });
const installing = (installPercent: number): Status =>
  statusOf({
    packages: [
      { ...receiving(160, 160), phase: 'installing', installPercent, nextInMs: undefined },
    ],
  });
const ended = statusOf({
  history: [
    {
      id: { name: 'engine', version: '2.1' },
      checksum: 'c',
      outcome: 'installed',
      attempts: 1,
      description: 'the slot is new',
    },
  ],
});

test('prints a line for each phase and tenth where there is no terminal', async () => {
  const world = createWorld();
  const daemon = await startFakeDaemon(world);
  const code = world.run('watch');
  await world.clock.advance(1_000);
  for (let chunks = 0; chunks <= 160; chunks += 1) {
    daemon.become(transfer(chunks));
    await world.clock.advance(250);
  }
  daemon.become(installing(0));
  await world.clock.advance(1_000);
  daemon.become(installing(55));
  await world.clock.advance(1_000);
  daemon.become(ended);
  await world.clock.advance(1_000);
  world.interrupt();
  assert.is(await code, 0);
  const line = (share: string, tail: string) => {
    const done = Math.round((Number(share) / 100) * 40);
    const bar = `[${'#'.repeat(done)}${'-'.repeat(40 - done)}]`;
    return `engine 2.1  ${bar} ${share.padStart(3)} %  ${tail}`;
  };
  const rate = '256.0 KiB/s';
  assert.equal(world.shown.out.trimEnd().split('\n'), [
    'link up http://127.0.0.1:8901',
    'no packages; waiting for the server',
    line('0', '0.0/10.0 MiB'),
    line('10', `1.0/10.0 MiB  ${rate}  36 s left`),
    line('20', `2.0/10.0 MiB  ${rate}  32 s left`),
    line('30', `3.0/10.0 MiB  ${rate}  28 s left`),
    line('40', `4.0/10.0 MiB  ${rate}  24 s left`),
    line('50', `5.0/10.0 MiB  ${rate}  20 s left`),
    line('60', `6.0/10.0 MiB  ${rate}  16 s left`),
    line('70', `7.0/10.0 MiB  ${rate}  12 s left`),
    line('80', `8.0/10.0 MiB  ${rate}  8 s left`),
    line('90', `9.0/10.0 MiB  ${rate}  4 s left`),
    line('100', '10.0/10.0 MiB  the next chunk'),
    line('0', 'installing'),
    line('55', 'installing'),
    'engine 2.1  installed: the slot is new',
  ]);
  assert.is(world.shown.err, '');
});

test('draws over its lines on a terminal, and leaves above them what has ended', async () => {
  const world = createWorld({ isTty: true, columns: 81 });
  const daemon = await startFakeDaemon(world, transfer(80));
  const code = world.run('watch');
  await world.clock.advance(500);
  assert.is(
    world.shown.out,
    '\u001b[2Klink up: http://127.0.0.1:8901\n' +
      `\u001b[2Kengine 2.1  [${'#'.repeat(7)}${'-'.repeat(6)}]  50 %  5.0/10.0 MiB\n` +
      '\u001b[J',
  );
  world.shown.out = '';
  daemon.become(ended);
  await world.clock.advance(200);
  assert.is(
    world.shown.out,
    '\u001b[2A' +
      '\u001b[2Kengine 2.1  installed: the slot is new\n' +
      '\u001b[2Klink up: http://127.0.0.1:8901\n' +
      '\u001b[2Kno packages; waiting for the server\n' +
      '\u001b[J',
  );
  world.interrupt();
  assert.is(await code, 0);
  await settle();
  assert.is(world.clock.waiting(), 0);
});

test('counts time down and notices a standstill while the daemon says nothing', async () => {
  const world = createWorld({ isTty: true, columns: 120 });
  const offered: Status['packages'][number] = {
    ...receiving(0, 0, 'late'),
    phase: 'accepted',
    waitsFor: 'the server to start it',
    nextInMs: 30_000,
  };
  await startFakeDaemon(world, statusOf({ packages: [receiving(80, 160), offered] }));
  const code = world.run('watch');
  await world.clock.advance(1_000);
  world.shown.out = '';
  await world.clock.advance(3_000);
  const frames = world.shown.out.split('\u001b[3A').slice(1);
  assert.is(frames.length, 3);
  assert.match(frames[2] ?? '', / 0 B\/s {2}stalled\n/);
  assert.match(frames[2] ?? '', /late 2\.1 {2}accepted: the server to start it, in 26 s\n/);
  world.interrupt();
  assert.is(await code, 0);
});

test('never draws a line that wraps, nor more lines than there are rows', async () => {
  for (const columns of [10, 25, 40, 80, 200]) {
    const world = createWorld({ isTty: true, columns, rows: 8 });
    const names = Array.from({ length: 20 }, (_, index) => `${'package'.repeat(9)}${index}`);
    const packages = names.map((name) => receiving(5, 10, name));
    await startFakeDaemon(world, statusOf({ packages }));
    const code = world.run('watch');
    await world.clock.advance(500);
    const lines = world.shown.out
      .replaceAll(/\u001b\[\d*[A-Z]/g, '')
      .trimEnd()
      .split('\n');
    assert.is(lines.length, 7);
    assert.is(lines.at(-1), 'and 15 more');
    assert.ok(
      lines.every((line) => line.length < Math.max(columns, 21)),
      String(columns),
    );
    world.interrupt();
    assert.is(await code, 0);
  }
});

test('ends with 3 when the daemon goes away', async () => {
  const world = createWorld();
  const daemon = await startFakeDaemon(world);
  const code = world.run('watch');
  await settle();
  await daemon.stop();
  assert.is(await code, 3);
  assert.is(
    world.shown.err,
    'the connection to the daemon at /run/sota-agent/control.sock ended: closed\n',
  );
});

test('ends with 1 when it is turned away', async () => {
  const world = createWorld();
  await world.sockets.listen('/run/sota-agent/control.sock', (stream) => ({
    onData: () =>
      void stream.write(Buffer.from('{"ok":false,"code":"busy","reason":"try again"}\n')),
    onClosed: () => undefined,
  }));
  assert.is(await world.run('watch'), 1);
  assert.is(world.shown.err, 'try again (busy)\n');
});

test('starts a new rate where chunks were lost', async () => {
  const world = createWorld({ isTty: true, columns: 120 });
  const daemon = await startFakeDaemon(world, transfer(80));
  const code = world.run('watch');
  await world.clock.advance(2_500);
  daemon.become(transfer(10));
  world.shown.out = '';
  await world.clock.advance(250);
  assert.match(world.shown.out, / {2}0\.6\/10\.0 MiB\n/);
  world.interrupt();
  assert.is(await code, 0);
});

test('leaves the bar out where there is no room for it', () => {
  assert.is(
    packageLine(receiving(10, 40), 65_536, 60),
    'engine 2.1   25 %  0.6/2.5 MiB  64.0 KiB/s  30 s left',
  );
});

test('writes durations as people do', () => {
  const spelt: readonly (readonly [number, string])[] = [
    [0, '1 s'],
    [1, '1 s'],
    [1_001, '2 s'],
    [59_000, '59 s'],
    [60_000, '1 min'],
    [125_000, '2 min 5 s'],
    [3_600_000, '1 h'],
    [3_605_000, '1 h'],
    [7_500_000, '2 h 5 min'],
    [86_400_000 * 3 + 3_600_000 * 4, '3 d 4 h'],
  ];
  for (const [ms, words] of spelt) assert.is(duration(ms), words);
  assert.equal(
    [soon(undefined), soon(0), soon(-5), soon(1_500)],
    ['', ', now', ', now', ', in 2 s'],
  );
});

test('writes sizes as people do', () => {
  const sizes = [0, 1023, 1024, 1_572_864, 2 ** 31, 2 ** 50];
  assert.equal(sizes.map(bytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 MiB',
    '2.0 GiB',
    '1048576.0 GiB',
  ]);
});

test.run();
