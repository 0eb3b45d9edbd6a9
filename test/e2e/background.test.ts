// Tests services that an installer starts, with the built executable: they survive their installer,
// delay neither the report nor the end of the agent, and may print without a limit.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { packageOf } from '../backend/package.ts';
import { isGone, waitFor } from '../support/interrupted.ts';
import { ipkOf } from '../support/ipk.ts';
import { createOpkgDevice } from '../support/opkg.ts';
import { assert, suite } from '../support/suite.ts';
import { linesOf, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Toml } from '../support/agent.ts';

const test = suite('what an installer leaves running');
let directory = '';
const path = (name: string) => join(directory, name);
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-background-'));
});
test.afterEach(() => {
  const pid = Number(linesOf(path('pid'))[0]);
  if (pid > 1 && !isGone(pid)) process.kill(pid, 'SIGKILL');
  // The opkg that lists the inventory may still write its lock: the agent does not wait for it.
  rmSync(directory, { recursive: true, force: true, maxRetries: 20 });
});

/** When the file `go` exists, the service prints, writes the file `lived`, and runs `after`. */
const job = (after: string) =>
  `echo $$ >${path('pid')}; while [ ! -e ${path('go')} ]; do sleep 0.05; done
   echo on stdout; echo on stderr >&2; echo on >${path('lived')}; ${after}`;

const ways: readonly (readonly [string, string])[] = [
  ['in the background', 'sh service &'],
  ['by nohup', 'nohup sh service &'],
  ['in a session of its own', 'setsid sh service &'],
];

async function on(installer: Toml, data: Uint8Array): Promise<void> {
  await withVehicle({ more: { installer } }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const one = packageOf({ name: 'radio', version: '1.0.0' }, data);
    vehicle.backend.server.notify([one]);
    await vehicle.reported(one);
    const [outcome] = vehicle.backend.server.outcomes;
    assert.is(outcome?.status, true, outcome?.text);
    const pid = await waitFor('the service', () => Number(linesOf(path('pid'))[0]) || undefined);
    assert.not.ok(isGone(pid), 'the service was ended');
    writeFileSync(path('go'), '');
    await until('the service to go on', () => existsSync(path('lived')));
    // The service keeps the outputs open; the agent must exit nevertheless.
    const ended = vehicle.agent().kill('SIGTERM');
    assert.is(await ended, 0);
  });
}

for (const [what, line] of ways) {
  test(`a command leaves a service ${what} running`, () => {
    writeFileSync(path('service'), job('exec sleep 600'));
    const args = ['-c', `cd ${directory}; ${line} exit 0`];
    return on({ default: 'command', command: { program: 'sh', args } }, randomBytes(9_000));
  });

  test(`a package of opkg leaves a service ${what} running`, () => {
    writeFileSync(path('service'), job('exec sleep 600'));
    const { program, args } = createOpkgDevice(path('device'), '0.6-libsolv');
    const postinst = `#!/bin/sh\ncd ${directory}\n${line}\nexit 0\n`;
    const files = { 'usr/bin/radio': 'radio' };
    const data = ipkOf({ package: 'radio', version: '1.0.0', files, postinst }, 'tar');
    return on({ enabled: ['opkg'], default: 'auto', opkg: { program, args } }, data);
  });
}

test('a service that prints for ever fills nothing', () => {
  const yes = 'i=0; while [ $i -lt 200000 ]; do echo $i 123456789; i=$((i+1)); done';
  writeFileSync(path('service'), job(`${yes}; echo >${path('printed')}; exec sleep 600`));
  const args = ['-c', `cd ${directory}; sh service & exit 0`];
  const installer = { default: 'command', command: { program: 'sh', args } };
  return withVehicle({ more: { installer } }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const one = packageOf({ name: 'radio', version: '1.0.0' }, randomBytes(9_000));
    vehicle.backend.server.notify([one]);
    await vehicle.reported(one);
    const usedBytes = () => {
      const status = readFileSync(`/proc/${vehicle.agent().pid}/status`, 'utf8');
      return 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]);
    };
    const before = usedBytes();
    writeFileSync(path('go'), '');
    await until('it to print', () => existsSync(path('printed')));
    assert.ok(usedBytes() - before < 32 * 1_048_576, `${usedBytes() - before} bytes more`);
  });
});

test.run();
