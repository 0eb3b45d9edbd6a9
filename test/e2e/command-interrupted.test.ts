// Tests interrupted runs of the command installer: a command logs its begin and its end and waits
// in between. The test kills it and the agent, like a power loss, or the agent alone. It simulates
// a reboot by another boot id on flash.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { packageOf } from '../backend/package.ts';
import {
  attemptsIn,
  cutAgent,
  cutBoth,
  leaveBoot,
  onlyOutcome,
  waitFor,
} from '../support/interrupted.ts';
import { assert, suite } from '../support/suite.ts';
import { linesOf, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('a command, cut');
let directory = '';
const path = (name: string) => join(directory, name);
const lines = (name: string) => linesOf(path(name));
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-command-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Writes its PID while it waits, and continues when the file `go` exists. */
const held = (name: string, end: string) =>
  `cd ${directory}; echo begin >>${name}; echo $$ >${name}.pid
  while [ ! -e ${name}.go ]; do sleep 0.1; done; echo end >>${name}; ${end}`;
const go = (name: string) => writeFileSync(path(`${name}.go`), '');

/** Returns the PID of the waiting process, once for each process. */
async function waiting(name: string): Promise<number> {
  const file = path(`${name}.pid`);
  const text = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const pid = await waitFor(`${name} to begin`, () => (text().endsWith('\n') ? text() : undefined));
  rmSync(file);
  return Number(pid);
}

type Told = { readonly status: boolean; readonly text: string };

/** `act` interrupts the agent and leaves a running one; returns the report. */
async function on(
  given: { readonly attempts: number; readonly exit?: number; readonly check?: number },
  act: (vehicle: Vehicle) => Promise<void>,
): Promise<Told> {
  const { attempts, exit = 0, check = 0 } = given;
  const sh = (text: string) => ['sh', '-c', text];
  const [program = '', ...args] = sh(held('command', `exit ${exit}`));
  const more = {
    installer: { default: 'command', max_attempts: attempts, command: { program, args } },
    reboot: {
      program,
      args: sh(`echo asked >>${path('reboots')}`).slice(1),
      health_check: sh(held('check', `exit ${check}`)),
    },
  };
  const told: Told[] = [];
  await withVehicle({ more }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const one = packageOf({ name: 'engine', version: '1.0.0' }, randomBytes(70_000));
    vehicle.backend.server.notify([one]);
    await act(vehicle);
    await vehicle.reported(one);
    told.push(await onlyOutcome(vehicle));
  });
  const [outcome] = told;
  if (outcome === undefined) throw new Error('nothing was reported');
  return outcome;
}

test('cut in each of its attempts, over as many boots: a failure that says so', async () => {
  const outcome = await on({ attempts: 2 }, async (vehicle) => {
    for (const attempt of [1, 2]) {
      await cutBoth(vehicle, await waiting('command'));
      assert.is(attemptsIn(vehicle).at(-1), attempt);
      vehicle.boot();
    }
  });
  assert.equal(outcome, {
    ...outcome,
    status: false,
    text: 'interrupted in attempt 2, the last one: a command cannot be probed',
  });
  assert.equal(lines('command'), ['begin', 'begin']);
});

test('cut in its first attempt: it is run again, and its success reported', async () => {
  const outcome = await on({ attempts: 2 }, async (vehicle) => {
    await cutBoth(vehicle, await waiting('command'));
    go('command');
    vehicle.boot();
  });
  assert.is(outcome.status, true, outcome.text);
  assert.equal(lines('command'), ['begin', 'begin', 'end']);
});

test('one that outlives the agent: nothing is started beside it', async () => {
  const outcome = await on({ attempts: 2 }, async (vehicle) => {
    await waiting('command');
    await cutAgent(vehicle);
    vehicle.boot();
    await vehicle.agent().logged(/install attempt 1 interrupted/);
    // Longer than an agent takes that does not wait.
    await pause(1_500);
    assert.equal(lines('command'), ['begin']);
    go('command');
  });
  assert.is(outcome.status, true, outcome.text);
  // Its exit code was lost with the agent, so that the agent runs it again.
  assert.equal(lines('command'), ['begin', 'end', 'begin', 'end']);
});

/** The command exits with 10; kills the agent when the reboot request is on flash. */
async function rebootNeeded(vehicle: Vehicle): Promise<void> {
  go('command');
  await vehicle.agent().logged(/reboot-required/);
  await cutAgent(vehicle);
}

test('a reboot is needed, cut before that is on flash: the command runs again', async () => {
  const outcome = await on({ attempts: 2, exit: 10 }, async (vehicle) => {
    await cutBoth(vehicle, await waiting('command'));
    vehicle.boot();
    await rebootNeeded(vehicle);
    assert.equal(lines('command'), ['begin', 'begin', 'end']);
    leaveBoot(vehicle);
    go('check');
    vehicle.boot();
  });
  assert.is(outcome.status, true, outcome.text);
  assert.equal(lines('command'), ['begin', 'begin', 'end']);
});

test('cut after the wish for a reboot, in the same boot: it is asked for again', async () => {
  await on({ attempts: 1, exit: 10 }, async (vehicle) => {
    await rebootNeeded(vehicle);
    const before = lines('reboots').length;
    vehicle.boot();
    await until('another request', () => lines('reboots').length > before);
    assert.equal([lines('check'), vehicle.backend.server.outcomes], [[], []]);
    await cutAgent(vehicle);
    leaveBoot(vehicle);
    go('check');
    vehicle.boot();
  });
  assert.equal(lines('command'), ['begin', 'end']);
});

test('cut in the check after the reboot: it is checked again, and then reported', async () => {
  const outcome = await on({ attempts: 1, exit: 10 }, async (vehicle) => {
    await rebootNeeded(vehicle);
    leaveBoot(vehicle);
    vehicle.boot();
    await cutBoth(vehicle, await waiting('check'));
    assert.equal(vehicle.backend.server.outcomes, []);
    go('check');
    vehicle.boot();
  });
  assert.is(outcome.status, true, outcome.text);
  assert.equal(
    [lines('command'), lines('check')],
    [
      ['begin', 'end'],
      ['begin', 'begin', 'end'],
    ],
  );
});

test('a check that fails after the reboot: a failure, and nothing is run again', async () => {
  const outcome = await on({ attempts: 3, exit: 10, check: 7 }, async (vehicle) => {
    await rebootNeeded(vehicle);
    leaveBoot(vehicle);
    go('check');
    vehicle.boot();
  });
  assert.is(outcome.status, false);
  assert.match(outcome.text, /sh exited with 7/);
  assert.equal(lines('command'), ['begin', 'end']);
});

test.run();
