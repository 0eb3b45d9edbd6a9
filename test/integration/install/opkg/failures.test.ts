// Tests failures as in opkg.test.ts: opkg refuses, fails, reports false results, waits or hangs
// (docs/integrate/installers.md).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { ipkOf } from '../../../support/ipk.ts';
import { createOpkgDevice, flavours, isOld } from '../../../support/opkg.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  installerOn,
  installOn,
  old,
  other,
  requestIn,
  target,
} from '../../../support/installers.ts';
import type { IpkSpec } from '../../../support/ipk.ts';
import type { Flavour } from '../../../support/opkg.ts';

const test = suite('opkg, failing');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

for (const flavour of flavours) {
  bad(flavour);
  postinst(flavour);
  concurrent(flavour);
}

function bad(flavour: Flavour): void {
  const device = () => createOpkgDevice(directory, flavour);

  test(`${flavour}: an older version that was not installed is a failure`, async () => {
    const on = device();
    on.has({ ...target, version: '2.0' });
    const { verdict, text } = await installOn(on, directory, ipkOf(target));
    if (flavour === '0.6-libsolv') {
      // This version installs the older package.
      assert.is(verdict.kind, 'installed', text);
      return;
    }
    assert.is(verdict.kind === 'failed' && verdict.code, 'old-version', text);
    assert.match(text, 'Not downgrading package hello on root from 2.0 to 1.1.');
  });

  test(`${flavour}: a full disk is told as such, though opkg says that all is well`, async () => {
    const on = device();
    on.set({ capacity: 500 });
    const { verdict, text } = await installOn(on, directory, ipkOf(target));
    assert.is(verdict.kind === 'failed' && verdict.code, 'disk-full', text);
    assert.match(text, '2 of 5 files are wrong');
    assert.equal(on.listed(), ['hello 1.1']);
  });

  test(`${flavour}: a full disk that takes the status file along costs no package`, async () => {
    const on = device();
    on.has(other);
    on.has(old);
    on.set({ capacity: 500, isStatusLost: true });
    const { verdict, text } = await installOn(on, directory, ipkOf(target));
    assert.is(verdict.kind === 'failed' && verdict.code, 'disk-full', text);
    assert.equal(on.listed(), ['busybox 1.36', 'hello 1.0']);
  });

  test(`${flavour}: a package that is said to be too large is told as a full disk`, async () => {
    const on = device();
    on.set({ capacity: 2_000 });
    const large = { ...target, fields: { 'Installed-Size': '100000' } };
    const { verdict, text } = await installOn(on, directory, ipkOf(large));
    assert.is(verdict.kind === 'failed' && verdict.code, 'disk-full', text);
  });

  const refusals: readonly (readonly [string, IpkSpec, RegExp])[] = [
    ['of another architecture', { ...target, fields: { Architecture: 'mips' } }, /of arch.* mips/],
    ['without what it needs', { ...target, fields: { Depends: 'libfoo' } }, /dependency libfoo/],
    ['whose preinst fails', { ...target, preinst: 'exit 4' }, /preinst script of hello failed/],
  ];
  for (const [what, spec, said] of refusals) {
    test(`${flavour}: a package ${what} fails with the words of opkg`, async () => {
      const on = device();
      on.has(old);
      const { verdict, text } = await installOn(on, directory, ipkOf(spec));
      assert.is(verdict.kind === 'failed' && verdict.code, 'install-failed', text);
      assert.match(text, said);
      assert.is(on.read('usr/bin/hello'), 'old');
    });
  }
}

function postinst(flavour: Flavour): void {
  test(`${flavour}: a postinst that failed is tried again, and nothing else is`, async () => {
    const on = createOpkgDevice(directory, flavour);
    const postinst = 'echo trying; test -e "$PKG_ROOT/ready"';
    const data = ipkOf({ ...target, postinst });
    const { verdict, text, ...rest } = await installOn(on, directory, data);
    const { installer, request, before } = rest;
    assert.is(verdict.kind === 'failed' && verdict.code, 'install-failed', text);
    assert.match(text, `hello 1.1 is 'unpacked'`);
    assert.match(text, 'postinst script of hello failed');
    assert.is((await installer.probe(request, before)).kind, 'not-installed');
    assert.is((await installer.run(request, before)).kind, 'failed');
    writeFileSync(join(on.root, 'ready'), '');
    const again = await installer.run(request, before);
    assert.is(again.kind, 'installed');
    assert.equal(on.calls(), ['install', 'configure hello', 'configure hello']);
    assert.is((await installer.probe(request, before)).kind, 'installed');
  });

  test(`${flavour}: into another root, unpacked is as far as it goes`, async () => {
    const on = createOpkgDevice(directory, flavour, { isOffline: true });
    const data = ipkOf({ ...target, postinst: 'exit 3' });
    const { verdict, text } = await installOn(on, directory, data);
    assert.is(verdict.kind, 'installed', text);
    assert.match(text, 'hello 1.1 is unpacked (its first boot configures it), 5 files compared');
  });
}

function concurrent(flavour: Flavour): void {
  const device = () => createOpkgDevice(directory, flavour);

  test(`${flavour}: another opkg that holds the lock is waited for`, async () => {
    const on = device();
    on.has(other);
    writeFileSync(on.lockFile, String(process.pid));
    const { verdict, text, ...rest } = await installOn(on, directory, ipkOf(target));
    const { installer, request, before } = rest;
    assert.is(verdict.kind, 'busy', text);
    assert.match(text, 'Could not lock');
    assert.is((await installer.list()).ok, !isOld(flavour));
    rmSync(on.lockFile);
    assert.is((await installer.run(request, before)).kind, 'installed');
  });

  test(`${flavour}: takes a package out when the new one replaces it`, async () => {
    const on = device();
    on.has(other);
    const data = ipkOf({ ...target, fields: { Replaces: 'busybox' } });
    const { verdict, text, ...rest } = await installOn(on, directory, data);
    const { installer, request, before } = rest;
    assert.is(verdict.kind, 'installed', text);
    assert.equal(on.listed(), ['hello 1.1']);
    // If a power loss restored it at the last moment, the next attempt removes it again.
    const probe = await installer.probe(request, before);
    if (probe.kind !== 'installed') await installer.run(request, before);
    assert.equal(on.listed(), ['hello 1.1']);
  });
}

test('an opkg that does not end is killed, and the status file is restored', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  on.has(other);
  on.set({ haltAt: 'status-half' });
  const { verdict, text } = await installOn(on, directory, ipkOf(target), 3_000);
  assert.is(verdict.kind === 'failed' && verdict.code, 'install-failed', text);
  assert.match(text, 'did not end in time');
  assert.equal(on.listed(), ['busybox 1.36']);
});

test('refuses what is no whole .ipk before opkg sees it', async () => {
  const on = createOpkgDevice(directory, '0.1.8');
  const whole = ipkOf(target);
  const flipped = Buffer.from(whole);
  flipped.writeUInt8(flipped.readUInt8(whole.length - 40) ^ 1, whole.length - 40);
  const cut = whole.subarray(0, whole.length - 100);
  for (const data of [cut, flipped, Buffer.from('junk'), Buffer.alloc(0)]) {
    const prepared = await installerOn(on).prepare(requestIn(directory, data));
    assert.is(!prepared.ok && prepared.code, 'validation-failed');
  }
  assert.equal(on.calls(), []);
});

test.run();
