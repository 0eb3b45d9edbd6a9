// Method: all installers of a device with a runner of our own, which answers for each program.
import { createDisk } from '../../../src/host/disk.ts';
import { createInstallers } from '../../../src/install/installers.ts';
import { createFakeClock, createFakeSockets } from '../control/fakes.ts';
import { assert, suite } from '../../support/suite.ts';
import { defaults } from './rig.ts';
import type { Settings } from '../../../src/core/settings.ts';
import type { RunRequest, RunResult } from '../../../src/host/ports.ts';

const test = suite('installers');

const said = (stdout: string, exitCode = 0): RunResult => {
  return { kind: 'exited', exitCode, stdout, stderr: '' };
};
const absent: RunResult = { kind: 'not-started', code: 'ENOENT', reason: 'opkg: ENOENT' };

function device(answer: (request: RunRequest) => RunResult, change: Partial<Settings> = {}) {
  const asked: RunRequest[] = [];
  const ports = {
    disk: createDisk(),
    runner: async (request: RunRequest) => {
      asked.push(request);
      return answer(request);
    },
    sockets: createFakeSockets(),
    clock: createFakeClock(),
    log: () => undefined,
    environment: {},
  };
  const base = defaults();
  const swupdate = { ...base.installer.swupdate, versionsFile: '/none/sw-versions' };
  const installer = { ...base.installer, swupdate };
  return { asked, installers: createInstallers(ports, { ...base, installer, ...change }) };
}

const id = { name: 'hello', version: '1.0' };

test('lists what opkg lists, without its descriptions', async () => {
  const text = 'hello - 1.0-r0\nlib+x - 1:2~rc1 - a library\n  that goes on\n\njunk\n';
  const { installers, asked } = device(() => said(text));
  assert.equal(await installers.list(), {
    ok: true,
    packages: [
      { name: 'hello', version: '1.0-r0' },
      { name: 'lib+x', version: '1:2~rc1' },
    ],
  });
  assert.equal(asked[0]?.args, ['list-installed']);
});

test('leaves out an installer that is not on this device', async () => {
  const { installers } = device(() => absent);
  assert.equal(await installers.list(), { ok: true, packages: [] });
});

for (const [what, answer] of [
  ['is locked', said('Could not lock', 255)],
  ['takes too long', { kind: 'timed-out', stdout: 'a - 1\n', stderr: '' }],
  ['may not be started', { kind: 'not-started', code: 'EACCES', reason: 'EACCES' }],
  ['says too much', said('a - 1\n'.repeat(300_000))],
] as const) {
  test(`gives no list while opkg ${what}: half a list is a lie`, async () => {
    const listed = await device(() => answer).installers.list();
    assert.not(listed.ok);
    assert.match(listed.ok ? '' : listed.reason, /^opkg: /);
  });
}

test('knows its installers by name, and no others', () => {
  const { installers } = device(() => absent);
  for (const name of ['opkg', 'swupdate', 'command']) {
    assert.is(installers.named(name)?.name, name);
  }
  assert.is(installers.named('rpm'), undefined);
});

test('reboots by the configured command, and says how that went', async () => {
  const reboot = { program: 'shutdown', args: ['-r', 'now'], check: [] };
  const { installers, asked } = device(() => said('', 0), { reboot });
  assert.ok((await installers.reboot()).ok);
  assert.is(asked[0]?.program, 'shutdown');
  assert.equal(asked[0]?.args, ['-r', 'now']);
  const refused = await device(() => said('busy', 1), { reboot }).installers.reboot();
  assert.equal(refused, { ok: false, description: 'shutdown exited with 1: busy' });
});

test('checks after the reboot as configured, and says when nothing is', async () => {
  const none = await device(() => absent).installers.check(id);
  assert.equal(none, { ok: true, description: 'rebooted; no check configured' });
  const reboot = { program: 'reboot', args: [], check: ['/usr/bin/check', '--quick'] };
  const bad = device(() => said('no network', 2), { reboot });
  const description = '/usr/bin/check exited with 2: no network';
  assert.equal(await bad.installers.check(id), { ok: false, description });
  assert.equal(bad.asked[0]?.args, ['--quick']);
  assert.ok((await device(() => said(''), { reboot }).installers.check(id)).ok);
});

test.run();
