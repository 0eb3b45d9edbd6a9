// Tests the opkg installer with the real disk and runner on each version of the fake opkg. The
// cases are those of the table in docs/integrate/installers.md.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ipkOf } from '../../../support/ipk.ts';
import { createOpkgDevice, flavours } from '../../../support/opkg.ts';
import { assert, suite } from '../../../support/suite.ts';
import { installerOn, installOn, old, other, quickRunner } from '../../../support/installers.ts';
import { recordingDisk, requestIn, target } from '../../../support/installers.ts';
import type { Runner, RunRequest } from '../../../../src/host/ports.ts';
import type { Flavour } from '../../../support/opkg.ts';

const test = suite('opkg');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

for (const flavour of flavours) good(flavour);

function good(flavour: Flavour): void {
  const device = () => createOpkgDevice(directory, flavour);

  for (const shape of ['ar', 'tar'] as const) {
    test(`${flavour}: installs a new package in the shape of ${shape}`, async () => {
      const on = device();
      const { verdict, text } = await installOn(on, directory, ipkOf(target, shape));
      assert.is(verdict.kind, 'installed', text);
      assert.match(text, 'hello 1.1 is installed, 5 files compared');
      assert.is(on.read('usr/bin/hi'), 'new hello');
      assert.equal(on.listed(), ['hello 1.1']);
    });
  }

  test(`${flavour}: upgrades, keeps what the user changed, and lists what is there`, async () => {
    const on = device();
    on.has(other);
    on.has(old);
    mkdirSync(join(on.root, 'etc'));
    writeFileSync(join(on.root, 'etc/hello.conf'), 'x = 2, by hand\n');
    const { verdict, text, installer } = await installOn(on, directory, ipkOf(target));
    assert.is(verdict.kind, 'installed', text);
    assert.is(on.read('etc/hello.conf'), 'x = 2, by hand\n');
    assert.equal(await installer.list(), {
      ok: true,
      packages: [
        { name: 'busybox', version: '1.36' },
        { name: 'hello', version: '1.1' },
      ],
    });
  });

  test(`${flavour}: the same version is a success, without a second install`, async () => {
    const on = device();
    on.has(target);
    const { verdict, text } = await installOn(on, directory, ipkOf(target));
    assert.is(verdict.kind, 'installed', text);
    assert.match(text, 'nothing to do');
    assert.equal(on.calls(), []);
  });

  test(`${flavour}: the same version with a file missing is repaired`, async () => {
    const on = device();
    on.has(target);
    rmSync(join(on.root, 'usr/share/hello/a'));
    const { verdict, text } = await installOn(on, directory, ipkOf(target));
    assert.is(verdict.kind, 'installed', text);
    assert.is(on.read('usr/share/hello/a').length, 1_000);
    const forced = ['install', '--force-reinstall install'];
    assert.equal(on.calls(), flavour === '0.1.8' ? ['install'] : forced);
  });
}

test('makes what was installed durable before it says so', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  const calls: RunRequest[] = [];
  const installer = installerOn(on, { runner: quickRunner(calls) });
  const request = requestIn(directory, ipkOf(target));
  const prepared = await installer.prepare(request);
  assert.ok(prepared.ok);
  await installer.run(request, prepared.before);
  const names = calls.map(({ program, args }) => (program === on.program ? args.at(-2) : program));
  assert.equal(names, ['status', 'status', 'ln', 'install', 'sync', 'status'].map(String));
});

test('without a sync program the files, their folders and the status file are synced', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  const synced: string[] = [];
  const run = quickRunner();
  const runner: Runner = async (request) =>
    request.program === 'sync'
      ? { kind: 'not-started', code: 'ENOENT', reason: 'sync: ENOENT' }
      : run(request);
  const installer = installerOn(on, { runner, disk: recordingDisk(synced) });
  const request = requestIn(directory, ipkOf(target));
  const prepared = await installer.prepare(request);
  assert.ok(prepared.ok);
  assert.is((await installer.run(request, prepared.before)).kind, 'installed');
  for (const path of ['usr/bin/hello', 'usr/share/hello/a', 'usr/bin/', 'usr/share/hello/']) {
    assert.ok(synced.includes(`${on.root}/${path}`), path);
  }
  assert.ok(synced.includes(on.statusFile));
});

test('the copy of the status file is durable before the attempt is', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  on.has(other);
  const synced: string[] = [];
  const installer = installerOn(on, { disk: recordingDisk(synced) });
  const request = requestIn(directory, ipkOf(target));
  const prepared = await installer.prepare(request);
  assert.ok(prepared.ok);
  const work = request.workDirectory;
  assert.equal(synced, [`${work}/opkg-status-0`, `${work}/`]);
  assert.is(readFileSync(`${work}/opkg-status-0`, 'utf8'), readFileSync(on.statusFile, 'utf8'));
  synced.length = 0;
  writeFileSync(on.statusFile, '');
  await installer.probe(request, prepared.before);
  assert.equal(synced, [on.statusFile, `${dirname(on.statusFile)}/`]);
});

test('says what is missing when there is no opkg', async () => {
  const on = { ...createOpkgDevice(directory, '0.1.8'), program: join(directory, 'none') };
  const prepared = await installerOn(on).prepare(requestIn(directory, ipkOf(target)));
  assert.is(!prepared.ok && prepared.code, 'install-failed');
  assert.is((await installerOn(on).list()).ok, 'absent');
});

test('copies the status file that the configuration names', async () => {
  const on = createOpkgDevice(directory, '0.1.8');
  const statusFile = join(directory, 'elsewhere');
  writeFileSync(statusFile, 'Package: x\nVersion: 1\nStatus: install ok installed\n\n');
  const installer = installerOn(on, { statusFile });
  const request = requestIn(directory, ipkOf(target));
  const prepared = await installer.prepare(request);
  assert.ok(prepared.ok);
  writeFileSync(statusFile, '');
  await installer.probe(request, prepared.before);
  assert.match(readFileSync(statusFile, 'utf8'), 'Package: x');
});

test.run();
