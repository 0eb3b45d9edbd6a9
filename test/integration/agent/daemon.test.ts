// Tests whole runs of the agent with a node and installers of the test, on a disk in memory or the
// real one. A power loss is a new agent on the data that was on flash.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFlash } from '../../../src/offline-status.ts';
import { createDisk } from '../../../src/host/disk.ts';
import { createClock } from '../../../src/host/time.ts';
import { createMemoryDisk } from '../../support/memory-disk.ts';
import { assert, suite } from '../../support/suite.ts';
import { settle } from '../../support/control.ts';
import { chunkOf, engine, must } from '../../support/store.ts';
import { createFakeInstallers, settingsOf, startFake } from '../../support/daemon.ts';
import { until } from '../../support/idle.ts';
import type { FakeNode } from '../../support/daemon.ts';
import type { InstallResult } from '../../../src/install/installer.ts';

const test = suite('a life of the agent');
const count = 3;
const payload = Buffer.concat([chunkOf(1), chunkOf(2), chunkOf(3, 100)]);
const checksum = createHash('sha1').update(payload).digest('hex');
const chunks = [chunkOf(1), chunkOf(2), chunkOf(3, 100)];
const services = { start: 'b/start', ack: 'b/ack', report: 'b/report', packages: 'b/packages' };
const offer = { packages: [{ package: engine, size: payload.length }], services };
const start = { package: engine, checksum, chunkscount: count };
const chunk = (index: number) => ({
  index,
  package: engine,
  bytes: Buffer.from(chunks[index - 1] ?? []).toString('base64'),
});

const answer = '{"jsonrpc":"2.0","id":1,"result":{"status":0}}';
type Fake = Awaited<ReturnType<typeof startFake>>;

async function deliver(one: { readonly node: FakeNode }, service: string, body: unknown) {
  assert.equal(JSON.parse(one.node.deliver(service, body) ?? ''), JSON.parse(answer));
  await settle();
}

const said = (one: Fake, service: string) =>
  one.node.said.filter((call) => call.method === 'message' && call.service === service);
const acked = (one: Fake) => said(one, 'ack').map(({ body }) => body['chunks']);
const phases = (one: Fake) => one.daemon.status().packages.map(({ phase }) => phase);

/** Starts an agent, up to a registered, offered and started package. */
async function begin(parts: Parameters<typeof startFake>[0] = {}) {
  const one = await startFake(parts);
  one.node.up();
  await settle();
  await deliver(one, '/sota/notify', offer);
  await one.clock.advance(100);
  await deliver(one, '/sota/start', start);
  return one;
}

test('brings a package from the offer to the proof of its report', async () => {
  const disk = createMemoryDisk();
  const one = await begin({ disk });
  assert.is(said(one, 'start').length, 1);
  for (const index of [1, 2, 3]) await deliver(one, '/sota/chunk', chunk(index));
  assert.equal(acked(one), [[], [1], [1, 2], [1, 2, 3]]);
  await deliver(one, '/sota/finish', { package: engine });
  await one.clock.advance(100);
  assert.equal(one.installers.done, ['prepare', 'run']);
  const [report] = said(one, 'report');
  assert.equal([report?.body['status'], report?.body['package']], [true, engine]);
  await deliver(one, '/sota/getpackages', {});
  assert.equal(said(one, 'packages')[0]?.body['packages'], [{ name: 'base', version: '1' }]);
  assert.equal(one.daemon.status().packages, []);
  assert.is(disk.content('/s/packages/1/data'), undefined);
  one.daemon.stop();
  await one.daemon.ended;
  assert.ok(one.node.isClosed());
  assert.is(disk.openCount(), 0);
});

test('answers at once, also when no disk answers', async () => {
  const disk = createMemoryDisk();
  const one = await startFake({ disk });
  one.node.up();
  await settle();
  disk.before(() => new Promise(() => undefined));
  for (let call = 0; call < 20; call += 1) {
    assert.equal(JSON.parse(one.node.deliver('/sota/notify', offer) ?? ''), JSON.parse(answer));
  }
  await settle();
  assert.equal(phases(one), []);
});

test('refuses at once what is not well-formed, with the path of what is wrong', async () => {
  const one = await startFake();
  const refusals = [
    one.node.deliver('/sota/chunk', { ...chunk(1), index: 0 }),
    one.node.deliver('/sota/unknown', {}),
    one.node.handlers().receive(Buffer.from('{')),
  ].map((text) => String(JSON.parse(text ?? '{}').error.message));
  assert.match(refusals[0] ?? '', /index/);
  assert.match(refusals[1] ?? '', /service_name/);
  assert.is(one.lines.count('request-invalid'), 3);
});

for (const unsynced of ['lost', 'kept'] as const) {
  test(`goes on where it was cut, at every step of the session (${unsynced})`, async () => {
    const steps = ['notify', 'start', 'chunk 1', 'chunk 2', 'chunk 3', 'finish'];
    for (const [at, step] of steps.entries()) {
      const disk = createMemoryDisk();
      const one = await startFake({ disk });
      one.node.up();
      await settle();
      await deliver(one, '/sota/notify', offer);
      if (at > 0) await deliver(one, '/sota/start', start);
      for (const index of [1, 2, 3].filter((index) => at > index)) {
        await deliver(one, '/sota/chunk', chunk(index));
      }
      if (at > 4) await deliver(one, '/sota/finish', { package: engine });
      // The outcome is on flash.
      await one.clock.advance(100);
      const ackedBefore = acked(one).at(-1) ?? [];
      const again = await startFake({ disk: disk.cut(unsynced), installers: one.installers });
      again.node.up();
      await settle();
      await again.clock.advance(100);
      if (at === 0) await deliver(again, '/sota/start', start);
      // The first ack lists all acked chunks, without reading the disk.
      if (at > 0 && at < 5) assert.equal(acked(again)[0], ackedBefore, step);
      for (const index of [1, 2, 3]) {
        if (at <= index || at === 0) await deliver(again, '/sota/chunk', chunk(index));
      }
      await deliver(again, '/sota/finish', { package: engine });
      await again.clock.advance(100);
      const reports = [...said(one, 'report'), ...said(again, 'report')];
      assert.equal(reports.map(({ body }) => body['status']).at(-1), true, step);
      const runs = one.installers.done.filter((what) => what === 'run').length;
      assert.is(runs, 1, step);
    }
  });
}

test('asks the device what is true after a cut in an install, and runs it again', async () => {
  const disk = createMemoryDisk();
  const installers = createFakeInstallers();
  installers.verdict = new Promise<InstallResult>(() => undefined);
  const one = await begin({ disk, installers });
  for (const index of [1, 2, 3]) await deliver(one, '/sota/chunk', chunk(index));
  await deliver(one, '/sota/finish', { package: engine });
  assert.equal(phases(one), ['installing']);
  installers.verdict = { kind: 'installed', description: 'done' };
  const again = await startFake({ disk: disk.cut('lost'), installers });
  again.node.up();
  await again.clock.advance(100);
  assert.equal(installers.done, ['prepare', 'run', 'probe', 'run']);
  assert.is(said(again, 'report')[0]?.body['status'], true);
});

// The start checks the chunk of the last commit itself; the hasher finds any other.
for (const [rotten, firstAck, found] of [
  [1, [], /: 2 of 3 chunks stored; 1 corrupt chunk removed$/],
  [2, [1], /: 1 of 3 chunks stored$/],
] as const) {
  test(`has a rotten chunk ${rotten} sent again after a restart, and nothing else`, async () => {
    const disk = createMemoryDisk();
    const one = await begin({ disk });
    for (const index of [1, 2]) await deliver(one, '/sota/chunk', chunk(index));
    const left = disk.cut('lost');
    const at = (rotten - 1) * 65_536;
    left.content('/s/packages/1/data')?.fill(0, at, at + 4);
    const again = await startFake({ disk: left });
    again.node.up();
    await settle();
    await again.clock.advance(100);
    assert.equal(acked(again).at(-1), firstAck);
    const [told = ''] = again.daemon.status().recovered;
    assert.match(told, found);
    for (const index of [rotten, 3]) await deliver(again, '/sota/chunk', chunk(index));
    await deliver(again, '/sota/finish', { package: engine });
    await again.clock.advance(100);
    assert.is(said(again, 'report')[0]?.body['status'], true);
  });
}

test('waits for consent where it is configured to ask, and keeps it', async () => {
  const settings = settingsOf('[policy]\nconsent = "required"\n');
  const disk = createMemoryDisk();
  const one = await startFake({ settings, disk });
  one.node.up();
  await settle();
  await deliver(one, '/sota/notify', offer);
  await one.clock.advance(100);
  assert.is(said(one, 'start').length, 0);
  const unknown = await one.daemon.accept('nothing', undefined);
  assert.is(unknown.ok ? '' : unknown.code, 'unknown-package');
  const wrong = await one.daemon.accept('engine', '9');
  assert.is(wrong.ok ? '' : wrong.code, 'unknown-package');
  assert.equal(await one.daemon.accept('engine', '2.1'), { ok: true, text: 'accepted engine 2.1' });
  // The consent is on flash before the answer.
  const again = await startFake({ settings, disk: disk.cut('lost') });
  again.node.up();
  await settle();
  await again.clock.advance(100);
  assert.is(said(again, 'start').length, 1);
  assert.ok((await again.daemon.decline('engine', undefined)).ok);
  await again.clock.advance(100);
  assert.is(said(again, 'report')[0]?.body['status'], false);
});

test('asks which version is meant', async () => {
  const one = await startFake({ settings: settingsOf('[policy]\nconsent = "required"\n') });
  const newer = { ...engine, version: '3' };
  const packages = [engine, newer].map((id) => ({ package: id, size: 1 }));
  await deliver(one, '/sota/notify', { packages, services });
  const asked = await one.daemon.accept('engine', undefined);
  assert.equal(asked, {
    ok: false,
    code: 'ambiguous',
    reason: 'several versions, give one: 2.1, 3',
  });
});

test('tells the server and people the same packages: those that a server can read', async () => {
  const one = await startFake({ settings: settingsOf('[rvi]\npackages = "strict"\n') });
  assert.equal(await one.daemon.inventory(), { ok: true, packages: [] });
  one.node.up();
  await settle();
  await deliver(one, '/sota/getpackages', null);
  await settle();
  assert.equal(
    said(one, 'packages').map(({ body }) => body['packages']),
    [[]],
  );
  assert.is(one.lines.count('inventory-filtered'), 1);
});

test('lists what the installers list, or says why it cannot', async () => {
  const one = await startFake();
  const packages = [{ name: 'base', version: '1' }];
  assert.equal(await one.daemon.inventory(), { ok: true, packages });
  const installers = { ...createFakeInstallers(), list: async () => failed };
  const failed = { ok: false, reason: 'no opkg' } as const;
  const other = await startFake({ installers });
  const listed = await other.daemon.inventory();
  assert.equal(listed, { ok: false, reason: 'no opkg', code: 'inventory-failed' });
});

test('reports a full disk before the download, and frees the server for the next', async () => {
  const disk = createMemoryDisk();
  disk.setFree(1_000);
  const one = await begin({ disk });
  await one.clock.advance(100);
  const [report] = said(one, 'report');
  assert.is(report?.body['status'], false);
  assert.match(String(report?.body['description']), /need 2 MiB, have 1 MiB/);
  assert.equal(phases(one), ['reporting']);
});

test('leaves to a transfer of before the restart what it still needs of a disk', async () => {
  const disk = createMemoryDisk();
  const one = await begin({ disk });
  await deliver(one, '/sota/chunk', chunk(1));
  const left = disk.cut('lost');
  const reserve = async () => ({ ok: true, value: { reserved: false } }) as const;
  const again = await startFake({ disk: { ...left, reserve } });
  const reserveBytes = settingsOf('').storage.minFreeBytes;
  again.node.up();
  await settle();
  for (const [version, freeChunks, phase] of [
    ['2', 2, 'reporting'],
    ['3', 3, 'receiving'],
  ] as const) {
    left.setFree(reserveBytes + freeChunks * 65_536);
    const other = { name: 'other', version };
    await deliver(again, '/sota/notify', { packages: [{ package: other, size: 1 }], services });
    await deliver(again, '/sota/start', { package: other, checksum, chunkscount: 1 });
    const found = again.daemon.status().packages.find(({ id }) => id.version === version);
    assert.equal([freeChunks, found?.phase], [freeChunks, phase]);
  }
});

test('ends of a failed sync in an effect as of one in a commit', async () => {
  const disk = createMemoryDisk();
  const one = await begin({ disk });
  for (const index of [1, 2, 3]) await deliver(one, '/sota/chunk', chunk(index));
  const isSealed = () => disk.count('truncate', '/s/packages/1/data') > 0;
  disk.refuse(({ verb }) => (verb === 'sync' && isSealed() ? 'EIO' : undefined));
  void deliver(one, '/sota/finish', { package: engine });
  const said = await one.daemon.ended.then(
    () => 'ended',
    (error: unknown) => String(error),
  );
  assert.match(said, /^AssertionError: fsync of \/s\/packages\/1\/data failed/);
  assert.equal(one.installers.done, []);
  assert.is(one.clock.waiting(), 0);
});

test('tells of its end also whoever asks later', async () => {
  const disk = createMemoryDisk();
  const one = await startFake({ disk });
  disk.refuse(({ verb }) => (verb === 'sync' ? 'EIO' : undefined));
  await deliver(one, '/sota/notify', offer);
  // The daemon has ended before anything handles the rejection; Node would detect that here.
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
  const said = await one.daemon.ended.then(
    () => 'ended',
    (error: unknown) => String(error),
  );
  assert.match(said, /^AssertionError: fsync of/);
});

test('reports an installer that wants to remember more than a record holds', async () => {
  const installers = createFakeInstallers();
  installers.before = '"'.repeat(40_000);
  const one = await begin({ installers });
  for (const index of [1, 2, 3]) await deliver(one, '/sota/chunk', chunk(index));
  await deliver(one, '/sota/finish', { package: engine });
  await one.clock.advance(100);
  const text = String(said(one, 'report')[0]?.body['description']);
  assert.match(text, /state before the install exceeds/);
  assert.equal(installers.done, ['prepare']);
});

test('says where data cannot be removed, and removes it at the next start', async () => {
  const disk = createMemoryDisk();
  const one = await begin({ disk });
  disk.refuse(({ verb }) => (verb === 'remove' ? 'EIO' : undefined));
  await deliver(one, '/sota/abort', { package: engine });
  await one.clock.advance(100);
  assert.is(one.lines.count('cleanup-failed'), 1);
  const left = disk.cut('kept');
  await startFake({ disk: left });
  assert.is(left.content('/s/packages/1/data'), undefined);
});

test('tells from flash what a daemon that is down left', async () => {
  const disk = createMemoryDisk();
  const settings = settingsOf();
  assert.is(must(await readFlash(disk, settings, '1')), undefined);
  const one = await begin({ disk });
  await deliver(one, '/sota/chunk', chunk(1));
  const left = disk.cut('lost');
  const before = left.ops.length;
  const status = must(await readFlash(left, settings, '1'));
  assert.equal(
    status?.packages.map(({ phase, chunksHeld, chunksCount }) => ({
      phase,
      chunksHeld,
      chunksCount,
    })),
    [{ phase: 'receiving', chunksHeld: 1, chunksCount: 3 }],
  );
  assert.is(status?.agent.source, 'flash');
  assert.is(status?.link.kind, 'unknown');
  // The journal is only read and closed, also if its end is torn.
  const verbs = left.ops.slice(before).map(({ verb }) => verb);
  assert.equal(verbs, ['open', 'size', 'read', 'close']);
  const journal = left.content('/s/journal') ?? Buffer.alloc(0);
  left.put('/s/journal', Buffer.concat([journal, chunkOf(1)]));
  assert.is(must(await readFlash(left, settings, '1'))?.packages.length, 1);
  left.refuse(({ verb }) => (verb === 'read' ? 'EIO' : undefined));
  assert.is(must(await readFlash(left, settings, '1')), undefined);
});

test('does it all on the real disk and clock, twice killed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sota-life-'));
  try {
    const defaults = settingsOf();
    const settings = { ...defaults, storage: { directory, minFreeBytes: 0 } };
    const installers = createFakeInstallers();
    const real = { disk: createDisk(), clock: createClock() };
    const live = () => startFake({ ...real, settings, installers });
    const first = await live();
    first.node.up();
    await until('registered', () => first.daemon.status().link.kind === 'up');
    first.node.deliver('/sota/notify', offer);
    await until('asked', () => said(first, 'start').length > 0);
    first.node.deliver('/sota/start', start);
    await until('opened', () => acked(first).length > 0);
    first.node.deliver('/sota/chunk', chunk(1));
    await until('acked', () => acked(first).length > 1);
    const second = await live();
    second.node.up();
    await until('resumed', () => acked(second).length > 0);
    assert.equal(acked(second)[0], [1]);
    second.node.deliver('/sota/chunk', chunk(3));
    await until('acked', () => acked(second).length > 1);
    const third = await live();
    third.node.up();
    await until('resumed', () => acked(third).length > 0);
    assert.equal(acked(third)[0], [1, 3]);
    third.node.deliver('/sota/chunk', chunk(2));
    await until('acked', () => acked(third).length > 1);
    third.node.deliver('/sota/finish', { package: engine });
    await until('reported', () => said(third, 'report').length > 0);
    assert.is(said(third, 'report')[0]?.body['status'], true);
    for (const { daemon } of [first, second, third]) {
      daemon.stop();
      await daemon.ended;
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('goes on when its storage is lost under it, and says so', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sota-lost-'));
  const defaults = settingsOf();
  const settings = { ...defaults, storage: { directory, minFreeBytes: 0 } };
  const one = await startFake({ disk: createDisk(), clock: createClock(), settings });
  one.node.up();
  await until('registered', () => one.daemon.status().link.kind === 'up');
  rmSync(directory, { recursive: true, force: true });
  one.node.deliver('/sota/notify', offer);
  await until('asked', () => said(one, 'start').length > 0);
  one.node.deliver('/sota/start', start);
  await until('refused', () => one.lines.count('space-reservation-failed') > 0);
  assert.equal(phases(one), ['accepted']);
  one.daemon.stop();
  await one.daemon.ended;
});

test.run();
