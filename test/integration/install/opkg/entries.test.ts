// Tests the probe with every kind of entry: the fake opkg installs a package that has them all;
// then one entry is damaged, and the probe must name it.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ipkOf } from '../../../support/ipk.ts';
import { createOpkgDevice } from '../../../support/opkg.ts';
import { assert, suite } from '../../../support/suite.ts';
import { installerOn, installOn, requestIn } from '../../../support/installers.ts';
import type { IpkSpec } from '../../../support/ipk.ts';

const test = suite('opkg, entries');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const mib = 2 ** 20;
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
const put =
  (path: string, data: string | Uint8Array): Spoil =>
  (root) => {
    rmSync(join(root, path), { recursive: true, force: true });
    writeFileSync(join(root, path), data);
  };
const flip =
  (path: string, at: number): Spoil =>
  (root) => {
    const data = readFileSync(join(root, path));
    data[at] = (data[at] ?? 0) ^ 1;
    put(path, data)(root);
  };
const gone =
  (path: string): Spoil =>
  (root) =>
    rmSync(join(root, path), { recursive: true });
const spoilt: readonly (readonly [string, Spoil, RegExp])[] = [
  ['a byte of a file', flip('usr/bin/hello', 2), /usr\/bin\/hello has other bytes/],
  ['the last byte behind 2 MiB', flip('usr/lib/large', 2 * mib), /large has other bytes/],
  ['a long name', gone(`usr/lib/${'long'.repeat(40)}/${'name'.repeat(30)}`), /is missing/],
  ['an empty file that is not', put('usr/lib/empty', '1'), /empty has 1 bytes, not 0/],
  [
    'a link to elsewhere',
    (root) => {
      rmSync(join(root, 'usr/bin/hi'));
      symlinkSync('twin', join(root, 'usr/bin/hi'));
    },
    /hi points to twin, not to hello/,
  ],
  ['a file for a link', put('usr/bin/hi', 'hello'), /hi is not a symbolic link/],
  ['a hard link with other bytes', put('usr/bin/twin', 'hallo'), /twin differs from/],
  ['a hard link that is gone', gone('usr/bin/twin'), /twin is missing/],
  ['a directory that is gone', gone('var/spool/hello'), /1 of the directories.*hello is missing/],
  ['a file for a directory', put('var/spool/hello', ''), /is not a directory/],
  [
    'a directory for a file',
    (root) => {
      rmSync(join(root, 'usr/bin/hello'));
      mkdirSync(join(root, 'usr/bin/hello'));
    },
    /hello is not a file/,
  ],
  ['a file for a fifo', put('var/spool/fifo', ''), /is not a special file/],
  ['a conffile that is gone', gone('etc/hello.conf'), /hello\.conf is missing/],
];

for (const isOffline of [false, true]) {
  const some = spoilt.filter((_, at) => !isOffline || at % 4 === 0);
  for (const [what, spoil, said] of some) {
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

test.run();
