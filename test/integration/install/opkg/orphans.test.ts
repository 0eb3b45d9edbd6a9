// Tests an opkg that outlives the agent. The fake opkg halts at a point, with its lock. A second
// installer, as after a restart of the agent, probes while opkg still runs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ipkOf } from '../../../support/ipk.ts';
import { createOpkgDevice, killPoints } from '../../../support/opkg.ts';
import { assert, suite } from '../../../support/suite.ts';
import { installerOn, old, other, requestIn, target } from '../../../support/installers.ts';
import { pause, until } from '../../../support/idle.ts';
import type { Flavour, OpkgDevice } from '../../../support/opkg.ts';

const test = suite('opkg, without its agent');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function reached(on: OpkgDevice): Promise<void> {
  await until('opkg to get there', () => on.halted() !== undefined);
}

/** Starts a run whose agent has ended, so that its result is lost. */
async function orphaned(on: OpkgDevice, haltAt: string) {
  const first = installerOn(on);
  const request = requestIn(directory, ipkOf(target));
  const prepared = await first.prepare(request);
  if (!prepared.ok) throw new Error(prepared.reason);
  on.set({ haltAt });
  const ended = first.run(request, prepared.before);
  await reached(on);
  return { request, before: prepared.before, ended };
}

// OpenWrt's opkg is like 0.1.8 here, which answers no query while its lock is taken. The others
// answer from the status file as it is at that moment.
const runningAt: readonly (readonly [Flavour, readonly string[]])[] = [
  ['0.1.8', killPoints],
  ['0.6-internal', ['status-half']],
  ['0.6-libsolv', ['unpacked', 'status-empty', 'status-half', 'status-written']],
];
for (const [flavour, points] of runningAt) {
  for (const point of points) {
    test(`${flavour}: one that still runs, at ${point}, is waited for`, async () => {
      const on = createOpkgDevice(directory, flavour);
      on.has(other);
      on.has(old);
      const { request, before, ended } = await orphaned(on, point);
      let isAnswered = false;
      const probing = installerOn(on).probe(request, before);
      void probing.then(() => (isAnswered = true));
      // Longer than a probe takes that does not wait.
      await pause(400);
      assert.is(isAnswered, false);
      on.go();
      const probe = await probing;
      assert.is(probe.kind, 'installed', probe.description);
      assert.not.match(probe.description, 'restored');
      assert.equal(on.listed(), ['busybox 1.36', 'hello 1.1']);
      assert.equal(on.calls(), ['install']);
      assert.is((await ended).kind, 'installed');
    });
  }
}

for (const point of killPoints) {
  test(`one that dies alone at ${point} is seen, repaired and tried again`, async () => {
    const on = createOpkgDevice(directory, '0.6-libsolv');
    on.has(other);
    on.has(old);
    const installer = installerOn(on);
    const request = requestIn(directory, ipkOf(target));
    const prepared = await installer.prepare(request);
    assert.ok(prepared.ok);
    const before = prepared.ok ? prepared.before : '';
    on.set({ dieAt: point });
    const isDone = point === 'status-written';
    const verdict = await installer.run(request, before);
    assert.is(verdict.kind, isDone ? 'installed' : 'interrupted', JSON.stringify(verdict));
    assert.equal(on.listed(), ['busybox 1.36', isDone ? 'hello 1.1' : 'hello 1.0']);
    assert.is((await installer.run(request, before)).kind, 'installed');
    assert.equal(on.listed(), ['busybox 1.36', 'hello 1.1']);
    assert.is(on.calls().length, isDone ? 1 : 2);
  });
}

test('one that ended while no agent ran is found installed', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  const { request, before, ended } = await orphaned(on, 'unpacked');
  on.go();
  await ended;
  const probe = await installerOn(on).probe(request, before);
  assert.is(probe.kind, 'installed', probe.description);
  assert.equal(on.calls(), ['install']);
});

test('one that never ends is not waited for longer than an install may take', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  const { request, before, ended } = await orphaned(on, 'unpacked');
  const again = installerOn(on, { timeoutMs: 500 });
  const probe = await again.probe(request, before);
  assert.equal(probe, { kind: 'unknown', description: 'the opkg of the attempt still runs' });
  assert.is((await again.run(request, before)).kind, 'busy');
  on.go();
  await ended;
});

test('another opkg that locks out even questions is waited for', async () => {
  const on = createOpkgDevice(directory, '0.1.8');
  on.has(other);
  const { request, before, ended } = await orphaned(on, 'status-written');
  on.go();
  await ended;
  on.lock();
  const probing = installerOn(on).probe(request, before);
  await pause(600);
  on.unlock();
  const probe = await probing;
  assert.is(probe.kind, 'installed', probe.description);
});

test.run();
