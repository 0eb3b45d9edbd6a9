// Tests interrupted runs: the fake opkg kills itself at each point of an install. Then the probe
// must find the true state, and the installer runs again, as after a boot.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ipkOf } from '../../../support/ipk.ts';
import { createOpkgDevice, flavours, killPoints } from '../../../support/opkg.ts';
import { assert, suite } from '../../../support/suite.ts';
import { installerOn, old, other, requestIn, target } from '../../../support/installers.ts';
import type { InstallRequest } from '../../../../src/install/installer.ts';
import type { OpkgDevice } from '../../../support/opkg.ts';

const test = suite('opkg, cut');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function cut(on: OpkgDevice, dieAt: string, forced: readonly string[] = []) {
  const installer = installerOn(on);
  const request = requestIn(directory, ipkOf(target));
  const prepared = await installer.prepare(request);
  if (!prepared.ok) throw new Error(prepared.reason);
  on.set({ dieAt });
  // 0.1.8 would fail with these options, and does not need them.
  const words = on.flavour === '0.1.8' ? [] : forced;
  const died = on.call(...words, 'install', linked(request));
  assert.is(died.signal, 'SIGKILL', died.stderr);
  return { installer, request, before: prepared.before };
}

function linked({ path, workDirectory }: InstallRequest): string {
  const file = join(workDirectory, 'package.ipk');
  writeFileSync(file, readFileSync(path));
  return file;
}

for (const flavour of flavours) {
  for (const point of killPoints) {
    // After an interruption the list has the old state, or no package.
    test(`${flavour}: a cut at ${point} of an upgrade is seen and repaired`, async () => {
      const on = createOpkgDevice(directory, flavour);
      on.has(other);
      on.has(old);
      await isMended(on, point, 'hello 1.0');
    });
  }

  test(`${flavour}: files that lost their bytes in a cut are put there again`, async () => {
    const on = createOpkgDevice(directory, flavour);
    const { installer, request, before } = await cut(on, 'status-written');
    const file = join(on.root, 'usr/share/hello/a');
    writeFileSync(file, Buffer.alloc(1_000));
    const probe = await installer.probe(request, before);
    assert.is(probe.kind, 'not-installed');
    assert.match(probe.description, 'usr/share/hello/a has other bytes after byte 0');
    rmSync(file);
    assert.is((await installer.run(request, before)).kind, 'installed');
    assert.is(on.read('usr/share/hello/a'), 'a'.repeat(1_000));
  });

  test(`${flavour}: a status file that is gone is brought back`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.has(other);
    const { installer, request, before } = await cut(on, 'unpacked');
    rmSync(on.statusFile);
    assert.is((await installer.probe(request, before)).kind, 'not-installed');
    assert.equal(on.listed(), ['busybox 1.36']);
  });
}

for (const flavour of flavours) {
  for (const point of killPoints) {
    // OpenWrt's opkg is interrupted like 0.1.8; only the same version again differs.
    if (flavour !== 'lede') {
      test(`${flavour}: a cut at ${point} of a first install is seen and repaired`, async () => {
        const on = createOpkgDevice(directory, flavour);
        on.has(other);
        await isMended(on, point, undefined);
      });
    }

    // The package is listed before and after; the files on the disk decide.
    test(`${flavour}: a cut at ${point} of the same version is seen and repaired`, async () => {
      const on = createOpkgDevice(directory, flavour);
      on.has(other);
      on.has(target);
      rmSync(join(on.root, 'usr/share/hello/a'));
      const { installer, request, before } = await cut(on, point, ['--force-reinstall']);
      const probe = await installer.probe(request, before);
      const isWhole = on.isThere('usr/share/hello/a');
      assert.is(probe.kind, isWhole ? 'installed' : 'not-installed', probe.description);
      assert.equal(on.listed(), ['busybox 1.36', 'hello 1.1']);
      assert.is((await installer.run(request, before)).kind, 'installed');
      assert.equal(on.listed(), ['busybox 1.36', 'hello 1.1']);
      assert.is(on.read('usr/share/hello/a'), 'a'.repeat(1_000));
      if (isWhole) assert.is(on.calls().length, 1);
    });
  }
}

async function isMended(on: OpkgDevice, point: string, was: string | undefined) {
  const { installer, request, before } = await cut(on, point);
  const probe = await installer.probe(request, before);
  const isDone = point === 'status-written';
  assert.is(probe.kind, isDone ? 'installed' : 'not-installed', probe.description);
  const now = isDone ? ['hello 1.1'] : was === undefined ? [] : [was];
  assert.equal(on.listed(), ['busybox 1.36', ...now]);
  assert.is(/was restored/.test(probe.description), /status-(empty|half)/.test(point));
  const verdict = await installer.run(request, before);
  assert.is(verdict.kind, 'installed', JSON.stringify(verdict));
  assert.equal(on.listed(), ['busybox 1.36', 'hello 1.1']);
  assert.is(on.calls().length, isDone ? 1 : 2);
}

test('packages that came since the copy was made are left alone', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  on.has(other);
  const { installer, request, before } = await cut(on, 'unpacked');
  on.has({ package: 'later', version: '1', files: { later: 'l' } });
  await installer.probe(request, before);
  assert.equal(on.listed(), ['busybox 1.36', 'later 1']);
});

test('a copy that is lost mends nothing and stands in the way of nothing', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  const { installer, request } = await cut(on, 'unpacked');
  for (const before of ['', '{}', '[1]', '{"copies":[{"path":"/x","copy":"/none"}]}']) {
    assert.is((await installer.probe(request, before)).kind, 'not-installed');
  }
});

test('a payload that is gone after a cut proves nothing', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  const { installer, request, before } = await cut(on, 'status-written');
  rmSync(request.path);
  const probe = await installer.probe(request, before);
  assert.is(probe.kind, 'unknown', probe.description);
});

test.run();
