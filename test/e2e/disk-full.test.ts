// Tests full storage: `storage.dir` is a tmpfs of 12 MiB that the test fills.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync } from 'node:fs';
import { rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { packageOf } from '../backend/package.ts';
import { startAgent, writeConfig } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';

const test = suite('disk full');

const isRoot = process.getuid?.() === 0;
const mebibyte = 1_048_576;

function mount(directory: string): boolean {
  mkdirSync(directory, { recursive: true });
  const options = ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', directory];
  return isRoot && spawnSync('mount', options).status === 0;
}

const unmount = (directory: string) => void spawnSync('umount', ['-l', directory]);

const trial = mkdtempSync(join(tmpdir(), 'sota-mount-'));
const canMount = mount(trial);
if (canMount) unmount(trial);
rmSync(trial, { recursive: true, force: true });
const testMounted = test.needs('root and tmpfs', canMount);

/** Fills the file system. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(65_536);
  try {
    for (;;) writeSync(file, block);
  } catch {
    // The disk is full.
  }
  closeSync(file);
}

async function onSmallDisk(
  act: (disk: string, config: { readonly more: { readonly storage: Storage } }) => Promise<void>,
  min_free = '1 MiB',
): Promise<void> {
  const disk = mkdtempSync(join(tmpdir(), 'sota-disk-'));
  mount(disk);
  try {
    await act(disk, { more: { storage: { dir: join(disk, 'state'), min_free } } });
  } finally {
    unmount(disk);
    rmSync(disk, { recursive: true, force: true });
  }
}
type Storage = { readonly dir: string; readonly min_free: string };

testMounted('too large a package is a failed update before a chunk is taken', async () => {
  await onSmallDisk(async (_, options) => {
    await withVehicle(options, async (vehicle) => {
      const { backend } = vehicle;
      const large = packageOf({ name: 'large', version: '1.0.0' }, randomBytes(14 * mebibyte));
      const small = packageOf({ name: 'small', version: '1.0.0' }, randomBytes(mebibyte));
      vehicle.boot();
      await backend.registered();
      backend.server.notify([large]);
      await vehicle.reported(large);
      const [outcome] = backend.server.outcomes;
      assert.is(outcome?.status, false);
      assert.match(outcome?.text ?? '', /need 15 MiB, have \d+ MiB/);
      // The `[]` that releases the server causes one chunk, which the agent ignores.
      assert.ok(backend.server.sent.size <= 1);
      assert.is((await vehicle.status()).counters.chunksWritten, 0);
      await vehicle.agent().logged(/update-failed.*code=disk-full/);
      backend.server.notify([small]);
      await vehicle.reported(small);
      assert.equal(vehicle.installs(), ['small']);
    });
  });
});

testMounted('a disk that others fill in the middle costs nothing', async () => {
  await onSmallDisk(async (disk, options) => {
    const one = packageOf({ name: 'one', version: '1.0.0' }, randomBytes(4 * mebibyte));
    let isFilled = false;
    const fault = ({ direction, service }: { direction: string; service: string }) => {
      if (direction === 'out' && service === '/sota/chunk' && sent() === 20 && !isFilled) {
        isFilled = true;
        fill(join(disk, 'others'));
      }
      return { kind: 'pass' } as const;
    };
    let sent = () => 0;
    await withVehicle({ ...options, fault }, async (vehicle) => {
      const { backend } = vehicle;
      sent = () => backend.server.sent.size;
      vehicle.boot();
      await backend.registered();
      backend.server.notify([one]);
      await vehicle.reported(one);
      assert.is(isFilled, true);
      assert.is(backend.server.outcomes[0]?.status, true);
      assert.is(backend.chunksRepeated(), 0);
      // A power loss on the full disk loses nothing.
      vehicle.cut();
      await vehicle.agent().ended;
      vehicle.boot();
      await until('up', async () => {
        const now = await vehicle.status().catch(() => undefined);
        return now?.history[0]?.outcome === 'installed';
      });
    });
  });
});

testMounted('a disk that is full at the offer is told of, and may be empty later', async () => {
  await onSmallDisk(async (disk, options) => {
    await withVehicle(options, async (vehicle) => {
      const { backend } = vehicle;
      const one = packageOf({ name: 'one', version: '1.0.0' }, randomBytes(70_000));
      vehicle.boot();
      await backend.registered();
      const others = join(disk, 'others');
      fill(others);
      backend.server.notify([one]);
      await until('told', async () => /no space|ENOSPC|disk-full/i.test(vehicle.logs()));
      rmSync(others);
      backend.server.notify([one]);
      const isInstalled = () => backend.server.outcomes.some(({ status }) => status);
      await backend.until('installed', isInstalled);
    });
  });
});

test('a directory that cannot be written to is named, exit code 1', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sota-'));
  // Permissions do not stop root, but a directory below a file cannot be made.
  writeFileSync(join(directory, 'file'), '');
  const dir = join(directory, 'file/state');
  const config = writeConfig(directory, { storage: { dir, min_free: '1 MiB' } });
  const agent = startAgent(config);
  assert.is(await agent.ended, 1);
  assert.match(agent.log(), `error startup-failed reason="cannot use ${dir}: ENOTDIR`);
  assert.is(agent.log().trimEnd().split('\n').length, 1);
  rmSync(directory, { recursive: true });
});

testMounted('so is a file system that is read-only', async () => {
  await onSmallDisk(async (disk) => {
    const dir = join(disk, 'state');
    const config = writeConfig(mkdtempSync(join(tmpdir(), 'sota-')), {
      storage: { dir, min_free: '1 MiB' },
    });
    spawnSync('mount', ['-o', 'remount,ro', disk]);
    const agent = startAgent(config);
    assert.is(await agent.ended, 1);
    assert.match(agent.log(), `error startup-failed reason="cannot lock ${dir}: EROFS`);
    rmSync(join(config, '..'), { recursive: true });
  });
});

test.run();
