// Tests the messages to the systemd watchdog: a whole agent with fakes, a manual clock, and a disk
// that stops responding.
import { startWatchdog } from '../../../src/agent/systemd-watchdog.ts';
import { managerEveryMs } from '../../../src/limits.ts';
import { createMemoryDisk } from '../../support/memory-disk.ts';
import { createFakeClock, settle } from '../../support/control.ts';
import { assert, suite } from '../../support/suite.ts';
import { startFake } from '../../support/daemon.ts';

const test = suite('the heartbeat');
const halfMs = 60_000;

async function setUp(watchdogMs: number | undefined) {
  const disk = createMemoryDisk();
  const clock = createFakeClock();
  const fake = await startFake({ disk, clock });
  const told: string[] = [];
  const notify = (values: { readonly [name: string]: string }) =>
    void told.push(
      Object.entries(values)
        .map((pair) => pair.join('='))
        .join(' '),
    );
  const { log } = fake.lines;
  const manager = { watchdogMs, notify, sent: async () => undefined };
  const end = startWatchdog({ clock, log, manager }, fake.daemon);
  const count = (word: string) => told.filter((one) => one.includes(word)).length;
  return { ...fake, disk, clock, told, end, count };
}

const offer = {
  packages: [{ package: { name: 'engine', version: '1.0' }, size: 100_000 }],
  services: { start: 'b/start', ack: 'b/ack', report: 'b/report', packages: 'b/packages' },
};

test('says that it is ready, that it is well twice in the time, and that it stops', async () => {
  const one = await setUp(2 * halfMs);
  assert.equal(one.told.slice(0, 2), ['READY=1 STATUS=no link: starting', 'WATCHDOG=1']);
  await one.clock.advance(3 * halfMs);
  assert.is(one.count('WATCHDOG'), 4);
  one.end();
  await one.clock.advance(3 * halfMs);
  assert.is(one.count('WATCHDOG'), 4);
  assert.is(one.told.at(-1), 'STOPPING=1');
});

test('says nothing of being well where nobody watches', async () => {
  const one = await setUp(undefined);
  await one.clock.advance(10 * halfMs);
  assert.is(one.count('WATCHDOG'), 0);
});

test('tells what it does when that changes, and not more often than it may', async () => {
  const one = await setUp(undefined);
  one.node.up();
  await settle();
  one.node.deliver('/sota/notify', offer);
  await one.clock.advance(managerEveryMs + 1);
  assert.equal(one.told.slice(1), ['STATUS=registered; engine 1.0 accepted']);
  await one.clock.advance(managerEveryMs);
  assert.is(one.count('STATUS'), 2);
});

test('is silent while a commit does not end, and well again when it does', async () => {
  const one = await setUp(2 * halfMs);
  const held: (() => void)[] = [];
  one.disk.before(() => new Promise((resolve) => held.push(() => resolve(undefined))));
  one.node.deliver('/sota/notify', offer);
  await settle();
  await one.clock.advance(halfMs);
  const before = one.count('WATCHDOG');
  await one.clock.advance(5 * halfMs);
  assert.is(one.count('WATCHDOG'), before);
  assert.is(one.lines.count('error watchdog-stalled'), 5);
  one.disk.before(() => undefined);
  for (const release of held) release();
  await one.clock.advance(halfMs);
  assert.ok(one.count('WATCHDOG') > before);
});

test('is well while the disk refuses, since a new start would not mend that', async () => {
  const one = await setUp(2 * halfMs);
  one.disk.refuse(({ verb }) => (verb === 'write' ? 'ENOSPC' : undefined));
  one.node.deliver('/sota/notify', offer);
  await one.clock.advance(5 * halfMs);
  assert.match(one.daemon.status().storageError ?? '', /ENOSPC/);
  assert.is(one.lines.count('watchdog-stalled'), 0);
  assert.is(one.count('WATCHDOG'), 6);
  assert.match(one.told.join(), /STATUS=no link: starting; storage: ENOSPC/);
});

test('is silent when a deadline has long passed', async () => {
  const one = await setUp(2 * halfMs);
  one.node.up();
  await settle();
  // The clock advances without its timers.
  assert.is(one.daemon.stuck(halfMs), undefined);
  const nowMs = one.clock.nowMs;
  Object.assign(one.clock, { nowMs: () => nowMs() + 86_400_000 });
  assert.is(one.daemon.stuck(halfMs), 'an action is overdue');
});

test.run();
