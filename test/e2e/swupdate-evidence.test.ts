// Tests versions as evidence, with the built executable and Debian's SWUpdate: the first script of
// an update writes the new versions early. If SWUpdate is killed or hangs before the end, the
// update is not installed, although the versions match.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { packageOfFile } from '../backend/package.ts';
import { cutAgent, isGone, onlyOutcome, waitFor } from '../support/interrupted.ts';
import { canMakeSwu, isProgram, makeKeys, makeSwu } from '../support/swu.ts';
import { swupdateArgs } from '../support/swupdate.ts';
import { assert, suite } from '../support/suite.ts';
import { linesOf, withVehicle } from '../support/vehicle.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { Toml } from '../support/agent.ts';
import type { Vehicle } from '../support/vehicle.ts';

const all = suite('what a part of an update can write proves nothing');
const test = all.needs('swupdate, openssl, cpio', canMakeSwu() && isProgram('swupdate'));
const data = randomBytes(3_000_000);
let directory = '';
const path = (name: string) => join(directory, name);
all.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'swu-evidence-'));
  writeFileSync(path('sw-versions'), 'rootfs 1.0.0\n');
});
all.afterEach(() => rmSync(directory, { recursive: true, force: true }));

/**
 * Halts once after it wrote the versions; the number of its process group is then in the file
 * `group`.
 */
const early = () => `#!/bin/sh
echo rootfs 2.0.0 >${path('sw-versions')}
echo run >>${path('runs')}
[ -e ${path('go')} ] && exit 0
cut -d" " -f5 /proc/$$/stat >${path('group')}
while [ ! -e ${path('go')} ]; do sleep 0.1; done
`;

async function on(
  more: Toml,
  act: (vehicle: Vehicle, group: number) => Promise<void>,
): Promise<{ readonly status: boolean; readonly text: string }> {
  const keys = makeKeys(path('keys'));
  const file = { name: 'rootfs', data, path: path('target/rootfs') };
  const scripts = [{ name: 'early.sh', type: 'preinstall', text: early() }] as const;
  const swu = makeSwu(path('package'), keys, { version: '2.0.0', files: [file], scripts });
  const swupdate = {
    args: [...swupdateArgs(keys.certificate)],
    versions_file: path('sw-versions'),
    sockets: path('sockets'),
  };
  const installer = { enabled: ['swupdate'], default: 'auto', ...more, swupdate };
  const told: { readonly status: boolean; readonly text: string }[] = [];
  await withVehicle({ more: { installer } }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const one: ServerPackage = packageOfFile({ name: 'rootfs', version: '2.0.0' }, swu);
    vehicle.backend.server.notify([one]);
    const group = await waitFor('the script', () => Number(linesOf(path('group'))[0]) || undefined);
    assert.is(readFileSync(path('sw-versions'), 'utf8'), 'rootfs 2.0.0\n');
    await act(vehicle, group);
    await vehicle.reported(one);
    told.push(await onlyOutcome(vehicle));
  });
  const [outcome] = told;
  if (outcome === undefined) throw new Error('nothing was reported');
  return outcome;
}

async function kill(group: number): Promise<void> {
  process.kill(-group, 'SIGKILL');
  await waitFor('SWUpdate to be gone', () => (isGone(group) ? true : undefined));
}

const isWhole = () =>
  existsSync(path('target/rootfs')) && readFileSync(path('target/rootfs')).equals(data);

for (const [what, cut] of [
  ['SWUpdate alone', (_: Vehicle, group: number) => kill(group)],
  [
    'SWUpdate and the agent',
    async (vehicle: Vehicle, group: number) => {
      await Promise.all([cutAgent(vehicle), kill(group)]);
      vehicle.boot();
    },
  ],
] as const) {
  test(`${what} killed behind the versions: installed by the next attempt`, async () => {
    const outcome = await on({ max_attempts: 2 }, async (vehicle, group) => {
      assert.not.ok(isWhole());
      writeFileSync(path('go'), '');
      await cut(vehicle, group);
    });
    assert.is(outcome.status, true, outcome.text);
    assert.match(outcome.text, /SWUpdate reported success/);
    assert.ok(isWhole(), 'what was reported is there');
    assert.is(statSync(path('target/rootfs')).size, data.length);
  });

  test(`${what} killed behind the versions in the last attempt: a failure`, async () => {
    const outcome = await on({ max_attempts: 1 }, cut);
    assert.is(outcome.status, false, outcome.text);
    assert.match(
      outcome.text,
      /^interrupted in attempt 1[^]* a part of the update may have written/,
    );
    assert.not.ok(isWhole());
  });
}

test('stuck behind the versions until the time limit: a failure', async () => {
  const outcome = await on({ max_attempts: 3, timeout: 3 }, () => Promise.resolve());
  assert.is(outcome.status, false, outcome.text);
  assert.match(outcome.text, /did not end in time/);
  assert.equal(linesOf(path('runs')), ['run']);
});

for (const bytes of [75, 150]) {
  test(`installs below a storage.dir of ${bytes} bytes and more`, async () => {
    const keys = makeKeys(path('keys'));
    const file = { name: 'app', data: data.subarray(0, 200_000), path: path('target/app') };
    const swu = makeSwu(path('package'), keys, { version: '2.0.0', files: [file] });
    const swupdate = {
      args: [...swupdateArgs(keys.certificate)],
      versions_file: path('sw-versions'),
      sockets: path('sockets'),
    };
    const dir = `${path('state')}/${'d'.repeat(bytes)}`;
    const storage = { dir, min_free: '1 MiB' };
    const more = { installer: { enabled: ['swupdate'], default: 'auto', swupdate }, storage };
    await withVehicle({ more }, async (vehicle) => {
      vehicle.boot();
      await vehicle.backend.registered();
      const one = packageOfFile({ name: 'app', version: '2.0.0' }, swu);
      vehicle.backend.server.notify([one]);
      await vehicle.reported(one);
      const [outcome] = vehicle.backend.server.outcomes;
      assert.is(outcome?.status, true, outcome?.text);
      assert.ok(existsSync(path('target/app')));
    });
  });
}

all.run();
