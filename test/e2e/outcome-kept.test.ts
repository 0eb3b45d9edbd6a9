// Tests that an install outcome survives a stop of the agent. A command stops the agent that runs
// it, like an upgrade of the agent's own package. It ends when the test permits it. The next agent
// must report the outcome without another run.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { packageOf } from '../backend/package.ts';
import { leaveBoot, onlyOutcome } from '../support/interrupted.ts';
import { assert, suite } from '../support/suite.ts';
import { linesOf, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Toml } from '../support/agent.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('an outcome at a stop');
const one = packageOf({ name: 'engine', version: '1.0.0' }, randomBytes(70_000));

/** Stops the agent that started it; ends when `go` exists. */
const stopping = (end: string) =>
  [
    'echo begun >>"$D/begun"',
    'kill -TERM $PPID',
    'while [ ! -e "$D/go" ]; do sleep 0.1; done',
    'echo ended >>"$D/ended"',
    end,
  ].join('\n');

const stoppingWith = (work: string) =>
  new RegExp(`info stopping signal=SIGTERM waits_for="${work} of engine 1\\.0\\.0"`);

const begun = ({ directory }: Vehicle) => linesOf(join(directory, 'begun')).length;

/** Runs until the agent has received the signal and waits. */
async function waiting(vehicle: Vehicle): Promise<void> {
  vehicle.boot();
  await vehicle.backend.registered();
  vehicle.backend.server.notify([one]);
  await vehicle.agent().logged(stoppingWith('install'));
}

async function ends(vehicle: Vehicle): Promise<void> {
  writeFileSync(join(vehicle.directory, 'go'), '');
  assert.is(await vehicle.agent().ended, 0);
  assert.match(vehicle.agent().log(), /info stopped\n$/);
  assert.ok(existsSync(join(vehicle.directory, 'ended')), 'it waited for the installer');
}

for (const [what, end, isGood] of [
  ['a success', 'exit 0', true],
  ['a failure', 'exit 3', false],
] as const) {
  test(`${what} is journalled before the end, and reported by the next agent`, async () => {
    const more: Toml = { installer: { max_attempts: 1 } };
    await withVehicle({ install: stopping(end), more }, async (vehicle) => {
      await waiting(vehicle);
      await ends(vehicle);
      vehicle.boot();
      await vehicle.reported(one);
      assert.is((await onlyOutcome(vehicle)).status, isGood);
      assert.is(begun(vehicle), 1);
    });
  });
}

test('a reboot that an installer wants is asked for after the stop, not in it', async () => {
  await withVehicle(
    {
      install: stopping('exit 10'),
      more: { reboot: { program: 'sh', args: ['-c', 'exit 0'] } },
    },
    async (vehicle) => {
      await waiting(vehicle);
      await ends(vehicle);
      leaveBoot(vehicle);
      vehicle.boot();
      await vehicle.reported(one);
      assert.is((await onlyOutcome(vehicle)).status, true);
      assert.is(begun(vehicle), 1);
    },
  );
});

test('while it stops: status answers, nothing begins, and SIGTERM changes nothing', async () => {
  await withVehicle({ install: stopping('exit 0') }, async (vehicle) => {
    await waiting(vehicle);
    const agent = vehicle.agent();
    const status = await vehicle.status();
    assert.is(status.packages[0]?.phase, 'installing');
    const accepted = await vehicle.command('accept', 'engine');
    assert.is(accepted.exitCode, 1);
    process.kill(agent.pid, 'SIGTERM');
    await agent.logged(
      /signal-ignored signal=SIGTERM reason="the agent is already stopping" waits_for=/,
    );
    const another = vehicle.boot();
    assert.is(await another.ended, 1);
    assert.match(
      another.log(),
      new RegExp(`startup-failed .*process ${agent.pid}\\) has the lock`),
    );
    writeFileSync(join(vehicle.directory, 'go'), '');
    assert.is(await agent.ended, 0);
    assert.is(begun(vehicle), 1);
  });
});

test('SIGINT ends one that waits at once, and the next agent waits for the installer', async () => {
  await withVehicle({ install: stopping('exit 0') }, async (vehicle) => {
    await waiting(vehicle);
    process.kill(vehicle.agent().pid, 'SIGINT');
    assert.is(await vehicle.agent().ended, 130);
    assert.match(vehicle.agent().log(), /warn stopped signal=SIGINT left="install of engine/);
    assert.not.ok(existsSync(join(vehicle.directory, 'ended')));
    vehicle.boot();
    await vehicle.agent().logged(/install attempt 1 interrupted/);
    writeFileSync(join(vehicle.directory, 'go'), '');
    await until('its end', () => existsSync(join(vehicle.directory, 'ended')));
  });
});

test('a check after the reboot that is cut short by a stop keeps its outcome, too', async () => {
  const sh = (text: string) => ['sh', '-c', text];
  const check = (directory: string) =>
    `cd ${directory}; echo check >>checks; kill -TERM $PPID; while [ ! -e go ]; do sleep 0.1; done`;
  const folder = join(process.env['TMPDIR'] ?? '/tmp', `sota-check-${process.pid}`);
  await withVehicle(
    {
      install: 'exit 10',
      more: { reboot: { program: 'sh', args: ['-c', 'exit 0'], health_check: sh(check(folder)) } },
    },
    async (vehicle) => {
      mkdirSync(folder, { recursive: true });
      vehicle.boot();
      await vehicle.backend.registered();
      vehicle.backend.server.notify([one]);
      await vehicle.agent().logged(/reboot-required/);
      await until('the wish is on flash', async () => {
        return (await vehicle.status()).packages[0]?.phase === 'rebooting';
      });
      await vehicle.agent().kill();
      leaveBoot(vehicle);
      vehicle.boot();
      await vehicle.agent().logged(stoppingWith('check'));
      writeFileSync(join(folder, 'go'), '');
      assert.is(await vehicle.agent().ended, 0);
      vehicle.boot();
      await vehicle.reported(one);
      assert.is((await onlyOutcome(vehicle)).status, true);
      assert.is(linesOf(join(folder, 'checks')).length, 1);
    },
  );
  rmSync(folder, { recursive: true });
});

test.run();
