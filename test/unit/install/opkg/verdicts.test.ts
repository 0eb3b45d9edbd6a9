// Method: as in opkg.test.ts. Here opkg exits with 0, and the disk says otherwise; or the disk
// differs from the payload, and nothing is wrong. docs/integrate/installers.md has the table.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { ipkOf, ipkWith } from '../../../support/ipk.ts';
import { createOpkgDevice, flavours, isOld } from '../../../support/opkg.ts';
import { assert, suite } from '../../../support/suite.ts';
import { installerOn, installOn, old, other, requestIn, target } from '../rig.ts';
import type { IpkSpec } from '../../../support/ipk.ts';
import type { Flavour } from '../../../support/opkg.ts';

const test = suite('opkg, verdicts');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const readsZstd = 'createZstdDecompress' in zlib;
const mib = 2 ** 20;
/** Random, so that no stream of it is shorter. */
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
  opaque(flavour);
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
      assert.match(text, isOld(flavour) ? /has \d+ bytes, not 3145728/ : /has other bytes behind/);
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
    if (flavour !== '0.1.8' && cut.verdict.kind !== 'cut') throw new Error(cut.text);
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
    ['removes all files', 'cd "$PKG_ROOT" && rm -r usr/bin etc', /of which \d differ/],
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

/** Data that this process cannot read: the file list of opkg decides. */
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
    // After a power loss it proves nothing.
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

function removed(flavour: Flavour): void {
  for (const field of ['Replaces', 'Conflicts'] as const) {
    for (const [end, state] of [['exit 3', ' unpacked'], ['exit 0', '']] as const) {
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

  for (const control of ['xz', 'zst'] as const) {
    test(`${flavour}: takes a control.tar.${control} if opkg does`, async () => {
      const on = createOpkgDevice(directory, flavour);
      const data = ipkWith(target, 'gz', control);
      const { verdict, text } = await installOn(on, directory, data);
      assert.is(verdict.kind, isOld(flavour) ? 'failed' : 'installed', text);
      assert.match(text, isOld(flavour) ? /Malformed package file/ : /5 files compared/);
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

/** Every kind of entry, whole and spoilt in each way: a spoilt one is installed again. */
const every: IpkSpec = {
  package: 'hello',
  version: '1.1',
  files: {
    'usr/bin/hello': 'hello',
    'usr/lib/empty': '',
    [`usr/lib/${'long'.repeat(40)}/${'name'.repeat(30)}`]: 'long',
    'usr/lib/large': randomBytes(2 * mib + 1),
    'etc/hello.conf': 'x = 1\n',
  },
  links: { 'usr/bin/hi': 'hello', 'usr/lib/far': `/usr/lib/${'long'.repeat(40)}/target` },
  hardLinks: { 'usr/bin/twin': 'usr/bin/hello' },
  folders: ['var/spool/hello'],
  fifos: ['var/spool/fifo'],
  conffiles: ['etc/hello.conf'],
};

type Spoil = (root: string) => void;
const put = (path: string, data: string | Uint8Array): Spoil => (root) => {
  rmSync(join(root, path), { recursive: true, force: true });
  writeFileSync(join(root, path), data);
};
const flip = (path: string, at: number): Spoil => (root) => {
  const data = readFileSync(join(root, path));
  data[at] = (data[at] ?? 0) ^ 1;
  put(path, data)(root);
};
const gone = (path: string): Spoil => (root) => rmSync(join(root, path), { recursive: true });
const spoilt: readonly (readonly [string, Spoil, RegExp])[] = [
  ['a byte of a file', flip('usr/bin/hello', 2), /usr\/bin\/hello has other bytes/],
  ['the last byte behind 2 MiB', flip('usr/lib/large', 2 * mib), /large has other bytes/],
  ['a long name', gone(`usr/lib/${'long'.repeat(40)}/${'name'.repeat(30)}`), /is missing/],
  ['an empty file that is not', put('usr/lib/empty', '1'), /empty has 1 bytes, not 0/],
  ['a link to elsewhere', (root) => {
    rmSync(join(root, 'usr/bin/hi'));
    symlinkSync('twin', join(root, 'usr/bin/hi'));
  }, /hi points to twin, not to hello/],
  ['a file for a link', put('usr/bin/hi', 'hello'), /hi is no symbolic link/],
  ['a hard link with other bytes', put('usr/bin/twin', 'hallo'), /twin differs from/],
  ['a hard link that is gone', gone('usr/bin/twin'), /twin is missing/],
  ['a directory that is gone', gone('var/spool/hello'), /spool\/hello is missing/],
  ['a file for a directory', put('var/spool/hello', ''), /is no directory/],
  ['a directory for a file', (root) => {
    rmSync(join(root, 'usr/bin/hello'));
    mkdirSync(join(root, 'usr/bin/hello'));
  }, /hello is no file/],
  ['a file for a fifo', put('var/spool/fifo', ''), /is no special file/],
  ['a conffile that is gone', gone('etc/hello.conf'), /hello\.conf is missing/],
];

for (const isOffline of [false, true]) {
  for (const [what, spoil, said] of spoilt) {
    test(`sees ${what}, offline root: ${isOffline}`, async () => {
      const on = createOpkgDevice(directory, '0.6-libsolv', { isOffline });
      on.has(every);
      const installer = installerOn(on);
      const request = requestIn(directory, ipkOf(every, 'tar'));
      const prepared = await installer.prepare(request);
      if (!prepared.ok) throw new Error(prepared.reason);
      const whole = await installer.probe(request, prepared.before);
      assert.is(whole.kind, 'installed', whole.description);
      assert.match(whole.description, '9 files compared');
      spoil(on.root);
      const probe = await installer.probe(request, prepared.before);
      assert.is(probe.kind, 'not-installed', probe.description);
      assert.match(probe.description, said);
    });
  }
}

test('a conffile that the user changed is not a difference', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  on.has(every);
  writeFileSync(join(on.root, 'etc/hello.conf'), 'y = 2\n');
  const { verdict, text } = await installOn(on, directory, ipkOf(every));
  assert.is(verdict.kind, 'installed', text);
  assert.match(text, 'nothing to do');
});

test('a control.tar.xz that is a bomb is refused', async () => {
  const on = createOpkgDevice(directory, '0.6-libsolv');
  const bomb = { ...target, fields: { X: 'x'.repeat(12 * mib) } };
  const prepared = await installerOn(on).prepare(requestIn(directory, ipkWith(bomb, 'gz', 'xz')));
  assert.is(!prepared.ok && prepared.code, 'validation-failed');
  assert.equal(on.calls(), []);
});

test.run();
