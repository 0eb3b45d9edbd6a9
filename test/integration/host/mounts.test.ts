// Tests the parser of mounts with lines as kernels write them, then with a real mount in a mount
// namespace.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { storageLossAt, idAt, lossOf, mountOptions, optionsOf } from '../../../src/host/mounts.ts';
import { assert, suite } from '../../support/suite.ts';

const all = suite('mounts');
const unshare = ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt'];
const canMount = spawnSync('unshare', unshare, { stdio: 'ignore' }).status === 0;

const lines = `22 28 0:21 / /proc rw,nosuid shared:5 - proc proc rw
28 1 254:1 / / rw,relatime shared:1 master:2 - ext4 /dev/vda1 rw,errors=remount-ro
95 28 0:40 / /data\\040disk rw,noexec - tmpfs none rw,size=1024k
`;

all('reads the options of a mount by its number, with and without optional fields', () => {
  assert.equal(optionsOf(lines, '28'), ['rw', 'relatime', 'errors=remount-ro']);
  assert.equal(optionsOf(lines, '95'), ['rw', 'noexec', 'size=1024k']);
  for (const id of ['1', '9', '']) assert.equal(optionsOf(lines, id), []);
});

all('finds the mount of a path', () => {
  const hidden = `${lines}96 28 0:41 / /data\\040disk/a rw - tmpfs none rw
97 28 0:42 / /data\\040disk rw - ext4 /dev/x rw
98 97 0:43 / /srv rw - tmpfs none rw
99 97 0:44 / /srv rw - ext4 /dev/y rw\n`;
  for (const [path, device, id] of [
    ['/', '254:1', '28'],
    ['/data', '254:1', '28'],
    ['/proc/1', '0:21', '22'],
    ['/process', '254:1', '28'],
    ['/data disk/x', '0:42', '97'],
    ['/data disk/a', '0:42', '97'],
    ['/srv', '0:44', '99'],
    ['/srv/x', '0:99', '99'],
    ['/data disk/a', '0:41', '96'],
  ] as const) {
    assert.is(idAt(hidden, path, device), id, path);
  }
  assert.is(idAt('', '/x', '0:1'), '');
});

all('knows file systems that lose what was stored', () => {
  const line = (type: string, source = 'none', own = 'rw', all = 'rw') =>
    `7 1 0:2 / /x ${own} shared:1 - ${type} ${source} ${all}\n`;
  const tmpfs = () => 'tmpfs';
  for (const [text, expected] of [
    [line('tmpfs'), /is on tmpfs, which is empty after a reboot/],
    [line('ramfs'), /is on ramfs,/],
    [line('devtmpfs'), /is on devtmpfs,/],
    [line('rootfs'), /is on rootfs,/],
    [line('ext4', '/dev/zram0'), /is on \/dev\/zram0, which is empty after a reboot/],
    [line('ext2', '/dev/ram12'), /is on \/dev\/ram12,/],
    [
      line('overlay', 'overlay', 'rw', 'rw,lowerdir=/l,upperdir=/run/a\\040b,workdir=/w'),
      /is on an overlay whose upper layer \(\/run\/a b\) is on tmpfs, which is empty/,
    ],
    [line('ext4', '/dev/vda', 'rw', 'rw,nobarrier'), /is mounted with nobarrier, so a power/],
    [line('ext4', '/dev/vda', 'rw', 'rw,barrier=0'), /is mounted with barrier=0/],
    [line('overlay', 'o', 'rw', 'rw,volatile'), /is mounted with volatile/],
    [line('f2fs', '/dev/x', 'rw', 'rw,fsync_mode=nobarrier'), /with fsync_mode=nobarrier/],
  ] as const) {
    assert.match(lossOf(text, '7', tmpfs) ?? '', expected);
    assert.is(lossOf(text, '8', tmpfs), undefined);
  }
  for (const text of [
    line('ext4', '/dev/mmcblk0p3'),
    line('ubifs', 'ubi0:data'),
    line('f2fs', '/dev/tmpfs'),
    line('btrfs', '/dev/ram'),
    line('overlay', 'tmpfs', 'rw', 'rw,lowerdir=/l'),
    '7 1 0:2 /tmpfs /tmpfs rw - ext4 /dev/vda rw\n',
    '7 1\n',
    '',
  ]) {
    assert.is(lossOf(text, '7', tmpfs), undefined, text);
  }
  const overlay = line('overlay', 'overlay', 'rw', 'rw,upperdir=/data/upper');
  for (const type of ['ext4', undefined]) {
    assert.is(
      lossOf(overlay, '7', () => type),
      undefined,
      'a layer that lasts, or is not seen',
    );
  }
});

all('asks the nearest folder that is there', () => {
  assert.ok(mountOptions('/proc/none/at/all').length > 0);
  assert.equal(mountOptions('/proc/none/at/all'), mountOptions('/proc'));
});

/**
 * Returns the output of a script that imports the module, in a mount namespace with these mounts.
 */
async function withMounts(mounts: string, expression: string, path: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'sota-mounts-'));
  try {
    symlinkSync('/mnt', join(directory, 'link'));
    const module = JSON.stringify(join(process.cwd(), 'src/host/mounts.ts'));
    const contents = `import * as mounts from ${module};
      console.log(mounts.${expression});`;
    const outfile = join(directory, 'look.cjs');
    const stdin = { contents, resolveDir: directory };
    await build({ stdin, bundle: true, platform: 'node', outfile });
    const look = [process.execPath, outfile, join(directory, path)];
    const ran = spawnSync('unshare', ['-m', 'sh', '-ec', `${mounts}; exec "$@"`, 'sh', ...look]);
    assert.is(ran.status, 0, String(ran.stderr));
    return ran.stdout.toString().trim();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const withMount = all.needs('unshare with mount', canMount);

withMount('sees a mount behind a link', async () => {
  for (const option of ['noexec', 'exec']) {
    const mount = `mount -t tmpfs -o ${option} none /mnt`;
    const look = "mountOptions(process.argv[2]).includes('noexec')";
    assert.is(await withMounts(mount, look, 'link/deep/er'), String(option === 'noexec'));
  }
});

withMount('sees through an overlay what its upper layer is on', async () => {
  const overlay = (upper: string) => `
    mkdir -p ${upper}/up ${upper}/work
    mount -t overlay -o lowerdir=/usr,upperdir=${upper}/up,workdir=${upper}/work none /mnt`;
  const look = 'storageLossAt(process.argv[2])';
  const forgets = await withMounts(
    `mount -t tmpfs none /srv; ${overlay('/srv')}`,
    look,
    'link/deep/er',
  );
  assert.is(
    forgets,
    'is on an overlay whose upper layer (/srv/up) is on tmpfs, which is empty after a reboot',
  );
  assert.match(await withMounts('mount -t tmpfs none /mnt', look, 'link/a'), /^is on tmpfs/);
  assert.is(await withMounts('mount -t ramfs none /srv', look, '.'), String(storageLossAt('/')));
});

all.run();
