// Tests results as in opkg.test.ts. Here opkg exits with 0 although the files are wrong, or the
// files differ from the payload for a good reason. docs/integrate/installers.md has the table.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ipkOf } from '../../../support/ipk.ts';
import { createOpkgDevice, flavours, isOld } from '../../../support/opkg.ts';
import { assert, suite } from '../../../support/suite.ts';
import { installOn, old, other, target } from '../../../support/installers.ts';
import type { IpkSpec } from '../../../support/ipk.ts';
import type { Flavour } from '../../../support/opkg.ts';

const test = suite('opkg, verdicts');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const mib = 2 ** 20;
/** Random, so that compression does not shorten it. */
const large: IpkSpec = { ...target, files: { small: 's', 'usr/lib/large': randomBytes(3 * mib) } };
const uci: IpkSpec = {
  package: 'hello',
  version: '1.1',
  files: { 'usr/bin/hello': 'hello', 'etc/uci-defaults/hello': 'uci set' },
};
const install = (flavour: Flavour) =>
  flavour === '0.1.8' ? ['install'] : ['install', '--force-reinstall install'];

for (const flavour of flavours) {
  fullDisk(flavour);
  rebuilt(flavour);
  altered(flavour);
  removed(flavour);
}

function fullDisk(flavour: Flavour): void {
  for (const isQuiet of [false, true]) {
    test(`${flavour}: a disk full after 2 MiB is a failure, quiet: ${isQuiet}`, async () => {
      const on = createOpkgDevice(directory, flavour);
      on.set({ capacity: 2 * mib, isQuiet });
      const { verdict, text } = await installOn(on, directory, ipkOf(large));
      assert.equal(on.listed(), ['hello 1.1']);
      const code = isQuiet ? 'install-failed' : 'disk-full';
      assert.is(verdict.kind === 'failed' && verdict.code, code, text);
      assert.match(text, isOld(flavour) ? /has \d+ bytes, not 3145728/ : /has other bytes after/);
    });
  }

  test(`${flavour}: words about a full disk outweigh files that are all right`, async () => {
    const on = createOpkgDevice(directory, flavour);
    const postinst = 'echo "tar: write error: No space left on device"; exit 0';
    const { verdict, text } = await installOn(on, directory, ipkOf({ ...target, postinst }));
    assert.is(verdict.kind === 'failed' && verdict.code, 'disk-full', text);
  });

  test(`${flavour}: a file of zeros is seen though a postinst might have done it`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.set({ capacity: 2 * mib });
    const data = ipkOf({ ...large, postinst: 'exit 0' });
    const { verdict, text } = await installOn(on, directory, data);
    assert.is(verdict.kind === 'failed' && verdict.code, 'disk-full', text);
  });
}

function rebuilt(flavour: Flavour): void {
  test(`${flavour}: the same version with other bytes is installed`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.has(target);
    const files = { ...target.files, 'usr/share/hello/a': 'b'.repeat(1_000) };
    const { verdict, text } = await installOn(on, directory, ipkOf({ ...target, files }));
    assert.is(verdict.kind, 'installed', text);
    assert.is(on.read('usr/share/hello/a'), 'b'.repeat(1_000));
    assert.equal(on.calls(), install(flavour));
  });

  test(`${flavour}: the same version with a link to elsewhere is installed`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.has({ ...target, links: { 'usr/bin/hi': 'goodbye' } });
    const { verdict, text } = await installOn(on, directory, ipkOf(target));
    assert.is(verdict.kind, 'installed', text);
    assert.is(on.read('usr/bin/hi'), 'new hello');
    assert.equal(on.calls(), install(flavour));
  });

  test(`${flavour}: a reinstall that was cut is repeated: did its postinst run?`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.has({ ...uci, files: { 'usr/bin/hello': 'hullo' }, postinst: 'exit 0' });
    on.set({ dieAt: 'postinst' });
    const data = ipkOf({ ...uci, postinst: 'echo ran >"$PKG_ROOT/ran"' });
    const cut = await installOn(on, directory, data);
    if (flavour !== '0.1.8' && cut.verdict.kind !== 'interrupted') throw new Error(cut.text);
    const { installer, request, before } = cut;
    assert.is(on.isThere('ran'), false);
    const probe = await installer.probe(request, before);
    assert.is(probe.kind, 'unknown', probe.description);
    assert.match(probe.description, 'postinst may not have run');
    const again = await installer.run(request, before);
    assert.is(again.kind, 'installed', JSON.stringify(again));
    assert.is(on.isThere('ran'), true);
    assert.is((await installer.probe(request, before)).kind, 'installed');
  });
}

function altered(flavour: Flavour): void {
  for (const [what, act, said] of [
    ['removes a file', 'rm "$PKG_ROOT/etc/uci-defaults/hello"', /uci-defaults\/hello is missing/],
    ['edits a file', 'echo x >>"$PKG_ROOT/usr/bin/hello"', /usr\/bin\/hello has 7 bytes, not 5/],
    ['removes all files', 'cd "$PKG_ROOT" && rm -r usr/bin etc', /2 of 2 files differ/],
  ] as const) {
    test(`${flavour}: a postinst that ${what} is told, and no failure`, async () => {
      const on = createOpkgDevice(directory, flavour);
      const data = ipkOf({ ...uci, postinst: act });
      const { verdict, text } = await installOn(on, directory, data);
      assert.is(verdict.kind, 'installed', text);
      assert.match(text, said);
      assert.match(text, 'as its postinst may have changed them');
    });
  }

  test(`${flavour}: without a postinst the same is a failure`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.set({ capacity: 3, isQuiet: true });
    const { verdict, text } = await installOn(on, directory, ipkOf(uci));
    assert.is(verdict.kind === 'failed' && verdict.code, 'install-failed', text);
    assert.match(text, /2 of 2 files are wrong/);
  });

  test(`${flavour}: with a postinst it is one, if opkg reports an error or fails`, async () => {
    const rm = 'rm "$PKG_ROOT/etc/uci-defaults/hello"';
    for (const end of ['echo "cat: x: Input/output error"', 'exit 3']) {
      rmSync(join(directory, 'root'), { recursive: true, force: true });
      const on = createOpkgDevice(directory, flavour);
      const data = ipkOf({ ...uci, postinst: `${rm}; ${end}` });
      const { verdict, text } = await installOn(on, directory, data);
      assert.is(verdict.kind === 'failed' && verdict.code, 'install-failed', text);
    }
  });

  test(`${flavour}: a file that another package took over is that package's own`, async () => {
    const on = createOpkgDevice(directory, flavour);
    on.has(target);
    const mine = on.read('usr/share/hello/a');
    on.has({ ...other, files: { ...other.files, 'usr/share/hello/a': 'theirs' } });
    const { verdict, text } = await installOn(on, directory, ipkOf(target));
    assert.is(verdict.kind, 'installed', text);
    assert.match(text, 'nothing to do');
    assert.not.equal(on.read('usr/share/hello/a'), mine);
  });
}

function removed(flavour: Flavour): void {
  for (const field of ['Replaces', 'Conflicts'] as const) {
    for (const [end, state] of [
      ['exit 3', ' unpacked'],
      ['exit 0', ''],
    ] as const) {
      test(`${flavour}: what ${field} removed stays removed, postinst: ${end}`, async () => {
        const on = createOpkgDevice(directory, flavour);
        on.has(old);
        on.has({ package: 'old-radio', version: '1', files: { 'usr/bin/radio': 'old' } });
        const radio = { package: 'new-radio', version: '2', files: { 'usr/bin/radio2': '2' } };
        const data = ipkOf({ ...radio, fields: { [field]: 'old-radio' }, postinst: end });
        const { verdict, text } = await installOn(on, directory, data);
        assert.is(verdict.kind, state === '' ? 'installed' : 'failed', text);
        assert.not.match(text, 'restored');
        assert.equal(on.listed(), ['hello 1.0', `new-radio 2${state}`]);
        assert.is(on.isThere('usr/bin/radio'), false);
      });
    }
  }
}

test.run();
