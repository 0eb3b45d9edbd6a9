// Tests compressions as in opkg.test.ts, with members that this process, opkg, or neither can read.
// Some tests depend on whether the Node that runs them has zstd.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { ipkWith } from '../../../support/ipk.ts';
import { createOpkgDevice, flavours, isOld } from '../../../support/opkg.ts';
import { assert, suite } from '../../../support/suite.ts';
import { installerOn, installOn, other, requestIn, target } from '../../../support/installers.ts';
import type { Flavour } from '../../../support/opkg.ts';

const test = suite('opkg, compressions');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const readsZstd = 'createZstdDecompress' in zlib;

for (const flavour of flavours) {
  opaque(flavour);
  control(flavour);
}

/** Tests data that this process cannot read: the file list of opkg decides. */
function opaque(flavour: Flavour): void {
  for (const how of ['xz', 'bz2', 'zst'] as const) {
    test(`${flavour}: data.tar.${how} is a success only where opkg unpacked it`, async () => {
      const on = createOpkgDevice(directory, flavour);
      const { verdict, text } = await installOn(on, directory, ipkWith(target, how));
      assert.equal(on.listed(), ['hello 1.1']);
      assert.is(verdict.kind, isOld(flavour) ? 'failed' : 'installed', text);
      assert.is(on.isThere('usr/bin/hello'), !isOld(flavour));
      if (how === 'zst' && readsZstd) {
        assert.match(text, isOld(flavour) ? /files are wrong/ : '5 files compared');
      } else if (isOld(flavour)) assert.match(text, 'opkg lists no file of it');
      else assert.match(text, `data.tar.${how} was not compared, the 5 files that opkg lists`);
    });

    test(`${flavour}: data.tar.${how} and a postinst do not make it one`, async () => {
      const on = createOpkgDevice(directory, flavour);
      const data = ipkWith({ ...target, postinst: 'exit 0' }, how);
      const { verdict, text } = await installOn(on, directory, data);
      assert.is(verdict.kind, isOld(flavour) ? 'failed' : 'installed', text);
    });
  }

  if (isOld(flavour)) return;

  test(`${flavour}: files of a data.tar.xz that are missing afterwards are a failure`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.has(other);
    const { installer, request, before } = await installOn(on, directory, ipkWith(target, 'xz'));
    rmSync(join(on.root, 'usr/bin/hello'));
    const probe = await installer.probe(request, before);
    assert.is(probe.kind, 'not-installed', probe.description);
    assert.match(probe.description, '1 of the 5 files that opkg lists are missing');
  });

  test(`${flavour}: a data.tar.xz is installed again: its bytes cannot be compared`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.has({ ...target, files: { ...target.files, 'usr/bin/hello': 'old hello' } });
    const { verdict, text, ...rest } = await installOn(on, directory, ipkWith(target, 'xz'));
    assert.is(verdict.kind, 'installed', text);
    assert.is(on.read('usr/bin/hello'), 'new hello');
    // After a power loss the list proves nothing.
    assert.is((await rest.installer.probe(rest.request, rest.before)).kind, 'unknown');
  });

  test(`${flavour}: a full disk under a data.tar.xz is told, and costs no package`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.has(other);
    on.set({ capacity: 500, isStatusLost: true });
    const { verdict, text } = await installOn(on, directory, ipkWith(target, 'xz'));
    assert.is(verdict.kind === 'failed' && verdict.code, 'disk-full', text);
    assert.equal(on.listed(), ['busybox 1.36']);
  });
}

function control(flavour: Flavour): void {
  for (const control of ['xz', 'zst'] as const) {
    test(`${flavour}: takes a control.tar.${control} if opkg does`, async () => {
      const on = createOpkgDevice(directory, flavour);
      const data = ipkWith(target, 'gz', control);
      const { verdict, text } = await installOn(on, directory, data);
      assert.is(verdict.kind, isOld(flavour) ? 'failed' : 'installed', text);
      assert.match(text, isOld(flavour) ? /Malformed package file/ : /5 files compared/);
      if (isOld(flavour)) assert.match(text, `(.deb, control.tar.${control})`);
    });
  }

  test(`${flavour}: says what a Debian package is and how to install it`, async () => {
    const on = createOpkgDevice(directory, flavour);
    const deb = { ...target, fields: { Architecture: 'armhf' } };
    const { verdict, text } = await installOn(on, directory, ipkWith(deb, 'xz', 'xz'));
    assert.is(verdict.kind, 'failed', text);
    assert.match(text, /looks like a Debian package \(\.deb, Architecture armhf\)/);
    assert.match(text, /dpkg -i through \[installer\.command\]/);
    assert.match(text, 'arch armhf 10');
  });
}

test('does not call a package a Debian one because its control is in xz', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  const spec = { ...target, postinst: 'exit 3' };
  const { verdict, text } = await installOn(on, directory, ipkWith(spec, 'xz', 'xz'));
  assert.is(verdict.kind, 'failed', text);
  assert.not.match(text, 'Debian');
});

test('a control.tar.xz that is a bomb is refused', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  const bomb = { ...target, fields: { X: 'x'.repeat(12 * 2 ** 20) } };
  const prepared = await installerOn(on).prepare(requestIn(directory, ipkWith(bomb, 'gz', 'xz')));
  assert.is(!prepared.ok && prepared.code, 'validation-failed');
  assert.equal(on.calls(), []);
});

test.run();
