// Tests `installer.enabled` with the built executable: an installer that is not listed never
// starts, for any payload and any attempt on flash.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageOf } from '../backend/package.ts';
import { cutBoth, onlyOutcome, waitFor } from '../support/interrupted.ts';
import { ipkOf } from '../support/ipk.ts';
import { assert, suite } from '../support/suite.ts';
import { linesOf, withVehicle } from '../support/vehicle.ts';
import type { Toml } from '../support/agent.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('only enabled installers');
let directory = '';
const path = (name: string) => join(directory, name);
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-enabled-'));
  for (const name of ['opkg', 'swupdate', 'command']) {
    writeFileSync(path(name), `#!/bin/sh\necho "${name} $*" >>${path('started')}\n`);
    chmodSync(path(name), 0o755);
  }
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const started = () => linesOf(path('started'));
const ipk = ipkOf({ package: 'evil', version: '1', files: { 'bin/evil': 'evil' } }, 'ar');
const swu = Buffer.from(`070701${'0'.repeat(104)}`);

const all = (): Toml => ({
  default: 'auto',
  opkg: { program: path('opkg') },
  swupdate: {
    program: path('swupdate'),
    args: ['-k', '/etc/swupdate/public.pem'],
    versions_file: path('sw-versions'),
    sockets: path('sockets'),
  },
  command: { program: path('command') },
});

async function outcomeOf(vehicle: Vehicle, data: Uint8Array) {
  await vehicle.backend.registered();
  const one = packageOf({ name: 'maps', version: '1.0.0' }, data);
  vehicle.backend.server.notify([one]);
  await vehicle.reported(one);
  const outcome = await onlyOutcome(vehicle);
  return { status: outcome.status, text: outcome.text };
}

for (const [what, installer, data, text] of [
  // The default of `installer.enabled`, with a key for SWUpdate.
  ['an .ipk beside a SWUpdate with a key', {}, ipk, /the payload is an \.ipk, .*"opkg"/],
  ['a file beside a SWUpdate with a key', {}, randomBytes(9_000), /neither .* "command"/],
  ['an .ipk where SWUpdate is listed', { enabled: ['swupdate'] }, ipk, /does not list "opkg"/],
  ['a .swu where opkg is listed', { enabled: ['opkg'] }, swu, /a \.swu, .* list "swupdate"/],
  ['an .ipk where nothing is listed', { enabled: [] }, ipk, /no installer is enabled/],
] as const) {
  test(`refuses ${what}, and starts nothing`, () =>
    withVehicle({ more: { installer: { ...all(), ...installer } } }, async (vehicle) => {
      vehicle.boot();
      const outcome = await outcomeOf(vehicle, data);
      assert.is(outcome.status, false);
      assert.match(outcome.text, text);
      // The inventory command starts no other installer either.
      const listed = await vehicle.command('inventory');
      assert.is(listed.exitCode, 0, listed.err);
      assert.equal(
        started().filter((line) => line !== 'opkg list-installed'),
        [],
      );
      const isListed = 'enabled' in installer && installer.enabled.some((one) => one === 'opkg');
      if (!isListed) assert.equal(started(), []);
    }));
}

test('ends an attempt on flash whose installer is no longer enabled with a report', () =>
  withVehicle(
    {
      more: {
        installer: {
          ...all(),
          enabled: ['command'],
          command: { program: 'sh', args: ['-c', `echo $$ >${path('pid')}; exec sleep 600`] },
        },
      },
    },
    async (vehicle) => {
      vehicle.boot();
      await vehicle.backend.registered();
      const one = packageOf({ name: 'maps', version: '1.0.0' }, randomBytes(9_000));
      vehicle.backend.server.notify([one]);
      const pid = await waitFor('the command', () => Number(linesOf(path('pid'))[0]) || undefined);
      await cutBoth(vehicle, pid);
      const config = readFileSync(vehicle.config, 'utf8');
      writeFileSync(vehicle.config, config.replace('enabled = ["command"]', 'enabled = ["opkg"]'));
      vehicle.boot();
      await vehicle.reported(one);
      const outcome = await onlyOutcome(vehicle);
      assert.is(outcome.status, false);
      assert.match(outcome.text, /'command' of the attempt is not in installer\.enabled/);
      assert.equal(
        started().filter((line) => !line.startsWith('opkg list')),
        [],
      );
    },
  ));

test('waits with the reboot until it is allowed, and says why, also after a restart', () => {
  const { program, args } = {
    program: 'sh',
    args: ['-c', `echo asked >>${path('reboots')}`],
  };
  const ask = `echo ask >>${path('asks')}; [ -e ${path('parked')} ] && exit 0
    echo looked at the gearbox; echo the car drives; exit 1`;
  const reboot = { program, args, allow: ['sh', '-c', ask] };
  const installer = { default: 'command', command: { program: 'sh', args: ['-c', 'exit 10'] } };
  return withVehicle({ more: { installer, reboot } }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const one = packageOf({ name: 'engine', version: '1.0.0' }, randomBytes(9_000));
    vehicle.backend.server.notify([one]);
    await vehicle.agent().logged(/reboot-denied .*reason="?the car drives/);
    const why = await vehicle.command('why', 'engine');
    assert.match(why.out, /waits for: permission to reboot: .*denied it: the car drives/);
    assert.match(why.out, /next: runs \[reboot\] allow again.* in \d+ s/);
    const first = linesOf(path('asks')).length;
    await vehicle.agent().kill('SIGKILL');
    vehicle.boot();
    await vehicle.agent().logged(/reboot-denied/);
    assert.ok(linesOf(path('asks')).length > first);
    assert.not.ok(existsSync(path('reboots')));
    writeFileSync(path('parked'), '');
    await waitFor('the reboot', () => linesOf(path('reboots'))[0]);
    assert.equal(vehicle.backend.server.outcomes, []);
  });
});

test.run();
