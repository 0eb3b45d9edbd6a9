// Method: the built executable and the stand-in for opkg, which halts at a point; then both are
// killed, as by a power cut, or the agent alone. What is on flash at that moment is looked at, too.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
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
  folderOf,
  onlyOutcome,
  waitFor,
} from '../support/interrupted.ts';
import { createOpkgDevice } from '../support/opkg.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import type { IpkSpec } from '../support/ipk.ts';
import type { OpkgDevice } from '../support/opkg.ts';
import type { Vehicle, VehicleOptions } from '../support/vehicle.ts';

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

/** An upgrade that halts at `point`; `act` cuts it and starts the agent again. */
async function halted(
  point: string,
  act: (cut: Cut) => Promise<void>,
  attempts = 3,
  more: VehicleOptions = {},
): Promise<void> {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  on.has({ package: 'busybox', version: '1.36', files: { 'bin/busybox': 'b' } });
  on.has(hello('1.0'));
  on.set({ haltAt: point });
  const { program, args } = on;
  const installer = { default: 'auto', max_attempts: attempts, opkg: { program, args } };
  const grammar = { name: /./, version: /./ };
  await withVehicle({ grammar, more: { installer }, ...more }, async (vehicle) => {
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

test('a cut before the intent is on flash: it gets ready again, and starts opkg once', () =>
  halted('asked:1', async ({ vehicle, on, opkg }) => {
    await cutBoth(vehicle, opkg);
    assert.equal(attemptsIn(vehicle), []);
    vehicle.boot();
    await vehicle.agent().logged(/installing.*attempt=1/);
    await vehicle.agent().logged(/ installed /);
    assert.equal(on.calls(), ['install']);
  }));

test('a cut through the record of the intent: it gets ready again, and starts opkg once', () =>
  halted('asked:2', async ({ vehicle, on, opkg }) => {
    await cutBoth(vehicle, opkg);
    assert.is(kinds(vehicle).at(-1), 'install-started');
    const journal = join(vehicle.directory, 'state/journal');
    // Its copy is written only after it was synced.
    truncateSync(journal, readFileSync(journal).indexOf('install-intended'));
    vehicle.boot();
    await vehicle.agent().logged(/installing.*attempt=1/);
    await vehicle.agent().logged(/ installed /);
    assert.equal(on.calls(), ['install']);
  }));

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

test('a cut between the outcome and the removal of the payload: that is removed', () =>
  halted('asked:3', async ({ vehicle, on }) => {
    const many = join(folderOf(vehicle), 'many');
    mkdirSync(many);
    for (let count = 0; count < 20_000; count++) writeFileSync(join(many, String(count)), '');
    on.go();
    await vehicle.agent().logged(/ installed /);
    await cutAgent(vehicle);
    assert.ok(existsSync(many), 'the cut came too late');
    assert.is(kinds(vehicle).filter((kind) => kind === 'outcome-recorded').length, 1);
    vehicle.boot();
    await vehicle.agent().logged(/report-sent/);
    assert.equal(on.calls(), ['install']);
  }));

test('a cut between the outcome and its report: it is reported, and nothing else is done', () => {
  let isDeaf = true;
  const fault: VehicleOptions['fault'] = ({ service }) =>
    isDeaf && service.endsWith('/sota/report') ? { kind: 'drop' } : { kind: 'pass' };
  return halted(
    'asked:3',
    async ({ vehicle, on }) => {
      on.go();
      await vehicle.agent().logged(/ installed /);
      await cutAgent(vehicle);
      assert.ok(kinds(vehicle).includes('outcome-recorded'));
      assert.equal(vehicle.backend.server.outcomes, []);
      isDeaf = false;
      vehicle.boot();
      await vehicle.agent().logged(/report-proven/);
      assert.equal(on.calls(), ['install']);
    },
    3,
    { fault },
  );
});

for (const point of ['locked', 'unpack:1', 'status-empty', 'status-written']) {
  test(`an opkg that outlives the agent at ${point} is waited for, also in the last attempt`, () =>
    halted(
      point,
      async ({ vehicle, on }) => {
        await cutAgent(vehicle);
        vehicle.boot();
        await vehicle.agent().logged(/was being installed, attempt 1/);
        // Long enough for one that would not wait.
        await pause(1_500);
        assert.not.ok(kinds(vehicle).includes('outcome-recorded'));
        on.go();
        await vehicle.agent().logged(/ installed /);
        assert.equal([attemptsIn(vehicle), on.calls()], [[1], ['install']]);
      },
      1,
    ));
}

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
