// Method: lines as kernels write them; then a real mount in a namespace of its own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { mountOptions, optionsOf } from '../../../src/host/mounts.ts';
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

all('asks the nearest folder that is there', () => {
  assert.ok(mountOptions('/proc/none/at/all').length > 0);
  assert.equal(mountOptions('/proc/none/at/all'), mountOptions('/proc'));
});

all.needs('unshare with mount', canMount)('sees a mount behind a link', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sota-mounts-'));
  try {
    symlinkSync('/mnt', join(directory, 'link'));
    const module = JSON.stringify(join(process.cwd(), 'src/host/mounts.ts'));
    const contents = `import { mountOptions } from ${module};
      console.log(mountOptions(process.argv[2]).includes('noexec'));`;
    const outfile = join(directory, 'look.cjs');
    const stdin = { contents, resolveDir: directory };
    await build({ stdin, bundle: true, platform: 'node', outfile });
    for (const option of ['noexec', 'exec']) {
      const script = `mount -t tmpfs -o ${option} none /mnt; exec "$@"`;
      const look = [process.execPath, outfile, join(directory, 'link/deep/er')];
      const ran = spawnSync('unshare', ['-m', 'sh', '-ec', script, 'sh', ...look]);
      assert.is(ran.stdout.toString().trim(), String(option === 'noexec'), String(ran.stderr));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

all.run();
