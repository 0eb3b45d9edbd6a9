// Tests all installers of a device with a fake runner, which answers for each program.
import { createInstallers } from '../../../src/install/enabled-installers.ts';
import { rebootAllowTimeMs } from '../../../src/limits.ts';
import { createFakeClock, createFakeSockets, settle } from '../../support/control.ts';
import { createMemoryDisk } from '../../support/memory-disk.ts';
import { assert, suite } from '../../support/suite.ts';
import { defaults } from '../../support/installers.ts';
import type { Disk, RunRequest, RunResult } from '../../../src/host/ports.ts';
import type { AgentSettings } from '../../../src/install/installers.ts';

const test = suite('installers');

const said = (stdout: string, exitCode = 0): RunResult => {
  return { kind: 'exited', exitCode, stdout, stderr: '' };
};
const absent: RunResult = { kind: 'not-started', code: 'ENOENT', reason: 'opkg: ENOENT' };

function device(
  answer: (request: RunRequest) => RunResult,
  change: Partial<AgentSettings> = {},
  clock = createFakeClock(),
  disk: Disk = createMemoryDisk(),
) {
  const asked: RunRequest[] = [];
  const ports = {
    disk,
    runner: async (request: RunRequest) => {
      asked.push(request);
      return answer(request);
    },
    sockets: createFakeSockets(),
    clock,
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

for (const enabled of [[], ['opkg'], ['swupdate'], ['command'], ['swupdate', 'command']] as const) {
  test(`has only the enabled installers: ${enabled.join(' and ') || 'none'}`, async () => {
    const installer = { ...defaults().installer, enabled };
    const { installers, asked } = device(() => said('hello - 1.0\n'), { installer });
    for (const name of ['opkg', 'swupdate', 'command'] as const) {
      const isThere = enabled.some((one) => one === name);
      assert.is(installers.named(name)?.name, isThere ? name : undefined);
    }
    const isOpkg = enabled.some((one) => one === 'opkg');
    const packages = isOpkg ? [{ name: 'hello', version: '1.0' }] : [];
    const listed = await installers.list();
    assert.equal(listed.ok && listed.packages.filter(({ name }) => name === 'hello'), packages);
    assert.is(asked.length, isOpkg ? 1 : 0);
  });
}

test('knows its installers by name, and no others', () => {
  const { installers } = device(() => absent);
  for (const name of ['opkg', 'swupdate', 'command']) {
    assert.is(installers.named(name)?.name, name);
  }
  assert.is(installers.named('rpm'), undefined);
});

test('selects by the first bytes, and reads nothing if a rule matches', async () => {
  const disk = createMemoryDisk();
  disk.put('/data', Buffer.from('070701000000'));
  const { installers } = device(() => absent, {}, createFakeClock(), disk);
  const chosen = await installers.choose(id, '/data');
  assert.is(chosen.ok && chosen.installer.name, 'swupdate');
  const none = await installers.choose(id, '/none');
  assert.match(none.ok ? '' : none.reason, /cannot read the payload: ENOENT/);
  const rules = [{ name: 'hel*', installer: 'command' }] as const;
  const installer = { ...defaults().installer, rules };
  const ruled = device(() => absent, { installer }, createFakeClock(), disk);
  const byRule = await ruled.installers.choose(id, '/none');
  assert.is(byRule.ok && byRule.installer.name, 'command');
});

test('reboots by the configured command, and says how that went', async () => {
  const reboot = { program: 'shutdown', args: ['-r', 'now'], allow: [], healthCheck: [] };
  const { installers, asked } = device(() => said('', 0), { reboot });
  assert.is((await installers.reboot()).kind, 'started');
  assert.is(asked[0]?.program, 'shutdown');
  assert.equal(asked[0]?.args, ['-r', 'now']);
  const refused = await device(() => said('busy', 1), { reboot }).installers.reboot();
  assert.equal(refused, { kind: 'failed', description: 'shutdown exited with 1: busy' });
});

const answers: readonly (readonly [string, RunResult, string | undefined])[] = [
  ['says yes', said('parked\n', 0), undefined],
  ['says no', said('asked the gearbox\nthe car drives\n\n', 1), 'the car drives'],
  [
    'says no on stderr',
    { kind: 'exited', exitCode: 3, stdout: '', stderr: 'driving\n' },
    'driving',
  ],
  ['says nothing', said('', 1), '/usr/bin/parked exited with 1'],
  ['is cut', { kind: 'killed', signal: 'SIGSEGV', stdout: '', stderr: '' }, '/usr/bin/parked was'],
  ['takes too long', { kind: 'timed-out', stdout: '', stderr: '' }, '/usr/bin/parked did not end'],
  ['is not there', { kind: 'not-started', code: 'ENOENT', reason: 'x: ENOENT' }, 'x: ENOENT'],
];
for (const [what, answer, reason] of answers) {
  test(`asks for the reboot only as allowed: the program ${what}`, async () => {
    const allow = ['/usr/bin/parked', '--now'];
    const reboot = { program: 'reboot', args: [], allow, healthCheck: [] };
    const isAllow = ({ program }: RunRequest) => program === '/usr/bin/parked';
    const { installers, asked } = device((one) => (isAllow(one) ? answer : said('')), { reboot });
    const { kind, description } = await installers.reboot();
    assert.is(kind, reason === undefined ? 'started' : 'denied');
    if (reason !== undefined) assert.ok(description.startsWith(reason), description);
    assert.equal(asked[0]?.args, ['--now']);
    assert.is(asked[0]?.timeLimitMs, rebootAllowTimeMs);
    assert.is(asked.length, reason === undefined ? 2 : 1);
  });
}

test('starts again what could not be started for a moment, a bounded number of times', async () => {
  const none: RunResult = { kind: 'not-started', code: 'EAGAIN', reason: 'spawn EAGAIN' };
  const reboot = { program: 'reboot', args: [], allow: [], healthCheck: ['/usr/bin/check'] };
  for (const [failures, ok] of [
    [2, true],
    [1_000, false],
  ] as const) {
    const clock = createFakeClock();
    let left = failures;
    const { installers, asked } = device(() => (left-- > 0 ? none : said('')), { reboot }, clock);
    let checked: { readonly ok: boolean } | undefined;
    void installers.check(id).then((result) => (checked = result));
    for (let turn = 0; turn < 50; turn++) {
      await settle();
      await clock.advance(1_000);
    }
    assert.is(checked?.ok, ok);
    assert.ok(asked.length === failures + 1 || (!ok && asked.length < 20), `${asked.length}`);
  }
});

test('checks after the reboot as configured, and says when nothing is', async () => {
  const none = await device(() => absent).installers.check(id);
  assert.equal(none, { ok: true, description: 'rebooted; no check configured' });
  const reboot = {
    program: 'reboot',
    args: [],
    allow: [],
    healthCheck: ['/usr/bin/check', '--quick'],
  };
  const bad = device(() => said('no network', 2), { reboot });
  const description = '/usr/bin/check exited with 2: no network';
  assert.equal(await bad.installers.check(id), { ok: false, description });
  assert.equal(bad.asked[0]?.args, ['--quick']);
  assert.ok((await device(() => said(''), { reboot }).installers.check(id)).ok);
});

test.run();
