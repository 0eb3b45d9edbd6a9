// Tests interrupted opkg runs: the built executable runs the fake opkg, which halts at a point. The
// test kills both, like a power loss, or the agent alone, and checks the state on flash at that
// moment.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { packageOf } from '../backend/package.ts';
import { ipkOf } from '../support/ipk.ts';
import {
  attemptsIn,
  cutAgent,
  cutBoth,
  factsOf,
  onlyOutcome,
  waitFor,
} from '../support/interrupted.ts';
import { createOpkgDevice } from '../support/opkg.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import type { IpkSpec } from '../support/ipk.ts';
import type { OpkgDevice } from '../support/opkg.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('opkg, cut under the agent');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const hello = (version: string): IpkSpec => ({
  package: 'hello',
  version,
  files: { 'usr/bin/hello': `hello ${version}`, 'usr/lib/hello/data': randomBytes(150_000) },
});

type Cut = { readonly vehicle: Vehicle; readonly on: OpkgDevice; readonly opkg: number };

/** Runs an upgrade that halts at `point`; `act` interrupts it and starts the agent again. */
async function halted(
  point: string,
  act: (cut: Cut) => Promise<void>,
  attempts = 3,
): Promise<void> {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  on.has({ package: 'busybox', version: '1.36', files: { 'bin/busybox': 'b' } });
  on.has(hello('1.0'));
  on.set({ haltAt: point });
  const { program, args } = on;
  const installer = { default: 'auto', max_attempts: attempts, opkg: { program, args } };
  const grammar = { name: /./, version: /./ };
  await withVehicle({ grammar, more: { installer } }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const one = packageOf({ name: 'update', version: '1.1.0' }, ipkOf(hello('1.1'), 'tar'));
    vehicle.backend.server.notify([one]);
    const opkg = await waitFor(`opkg at ${point}`, on.halted);
    await act({ vehicle, on, opkg });
    await vehicle.reported(one);
    const outcome = await onlyOutcome(vehicle);
    assert.is(outcome.status, true, outcome.text);
    assert.equal(on.listed(), ['busybox 1.36', 'hello 1.1']);
  });
}

const kinds = (vehicle: Vehicle) => factsOf(vehicle).map(({ kind }) => kind);

test('a cut between the intent and the start: the probe says no, attempt 2 starts opkg', () =>
  halted('asked:2', async ({ vehicle, on, opkg }) => {
    await cutBoth(vehicle, opkg);
    assert.equal([attemptsIn(vehicle), on.calls()], [[1], []]);
    vehicle.boot();
    await vehicle.agent().logged(/installing.*attempt=2/);
    await vehicle.agent().logged(/ installed /);
    assert.equal(on.calls(), ['install']);
  }));

test('a cut between the end and its record: the probe says yes, opkg is not started again', () =>
  halted(
    'asked:3',
    async ({ vehicle, on, opkg }) => {
      await cutBoth(vehicle, opkg);
      assert.equal([kinds(vehicle).at(-1), on.calls()], ['install-started', ['install']]);
      vehicle.boot();
      await vehicle.agent().logged(/ installed /);
      assert.equal([attemptsIn(vehicle), on.calls()], [[1], ['install']]);
    },
    1,
  ));

test('an opkg that outlives the agent is waited for, also in the last attempt', () =>
  halted(
    'status-empty',
    async ({ vehicle, on }) => {
      await cutAgent(vehicle);
      vehicle.boot();
      await vehicle.agent().logged(/install attempt 1 interrupted/);
      // Longer than an agent takes that does not wait.
      await pause(1_500);
      assert.not.ok(kinds(vehicle).includes('outcome-recorded'));
      on.go();
      await vehicle.agent().logged(/ installed /);
      assert.equal([attemptsIn(vehicle), on.calls()], [[1], ['install']]);
    },
    1,
  ));

test('an opkg that outlives the agent and ends while none runs is found installed', () =>
  halted(
    'status-half',
    async ({ vehicle, on, opkg }) => {
      await cutAgent(vehicle);
      on.go();
      await waitFor('opkg to end', () => (existsSync(`/proc/${opkg}`) ? undefined : true));
      vehicle.boot();
      await vehicle.agent().logged(/ installed /);
      assert.equal([attemptsIn(vehicle), on.calls()], [[1], ['install']]);
    },
    1,
  ));

test.run();
