// Tests two agents on one storage directory, in separate PID, mount and network namespaces, like
// containers. Small file systems serve as storage that cannot hold a lock. Needs root for the
// namespaces.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { agentPath, launcher, startAgent, writeConfig } from '../support/agent.ts';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { until } from '../support/idle.ts';

const test = suite('the lock of the executable');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-lock-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const rvi = { url: 'ws://127.0.0.1:1' };
const canIsolate = hasProgram('unshare') && spawnSync('unshare', ['-pnmf', 'true']).status === 0;
const needsRoot = test.needs('root and unshare', canIsolate && launcher.length === 0);

/** Runs the agent in namespaces of its own; returns its exit code and its log. */
function runElsewhere(config: string, before = ':') {
  const script = `${before}; exec timeout 20 "$@"`;
  const words = ['sh', agentPath(), 'run', '--config', config];
  const args = ['-pnmf', '--mount-proc', 'sh', '-c', script, ...words];
  const ran = spawnSync('unshare', args, { encoding: 'utf8' });
  return { exitCode: ran.status, log: ran.stderr };
}

const locks = () => readdirSync(join(directory, 'state')).filter((name) => /lock/.test(name));

needsRoot('lets no agent in from another container, and says where the first one is', async () => {
  const config = writeConfig(directory, { rvi });
  const first = startAgent(config);
  await first.logged(/ started /);
  const before = locks();
  const second = runElsewhere(config);
  assert.is(second.exitCode, 1);
  const where = `process ${first.pid} in another container, host .*`;
  assert.match(
    second.log,
    new RegExp(`error startup-failed reason=".*agent \\(${where}\\) has the lock`),
  );
  assert.equal(locks(), before, 'the lock of the first one stays');
  process.kill(first.pid, 'SIGSTOP');
  assert.match(
    runElsewhere(config).log,
    /startup-failed .*agent \(it does not answer\) has the lock/,
  );
  process.kill(first.pid, 'SIGCONT');
  await first.kill('SIGKILL');
  const third = startAgent(config);
  await third.logged(/ started /);
  assert.is(await third.kill(), 0);
  assert.equal(locks(), []);
});

needsRoot('keeps out an agent of the host while one in a container runs', async () => {
  const config = writeConfig(directory, { rvi });
  const { pid, ended } = startAgent(config);
  await until('its lock', () => existsSync(join(directory, 'state/lock')));
  const inside = runElsewhere(config);
  assert.is(inside.exitCode, 1);
  process.kill(pid, 'SIGTERM');
  assert.is(await ended, 0);
});

test('respects the link of 0.1.0 while its process lives, and takes over a dead one', async () => {
  const config = writeConfig(directory, { rvi });
  mkdirSync(join(directory, 'state'));
  const lock = join(directory, 'state/lock');
  const boot = spawnSync('cat', ['/proc/sys/kernel/random/boot_id'], { encoding: 'utf8' }).stdout;
  const stat = spawnSync('cat', [`/proc/${process.pid}/stat`], { encoding: 'utf8' }).stdout;
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  symlinkSync(`${process.pid} ${startTime} ${boot.trim()}`, lock);
  const refused = startAgent(config);
  assert.is(await refused.ended, 1);
  assert.match(
    refused.log(),
    new RegExp(`startup-failed .*process ${process.pid}\\) has the lock`),
  );
  assert.equal(locks(), ['lock']);
  rmSync(lock);
  symlinkSync(`${process.pid} 1 ${boot.trim()}`, lock);
  const next = startAgent(config);
  await next.logged(/ started /);
  assert.is(await next.kill(), 0);
});

needsRoot('says what is wrong with a read-only file system, and with a full one', () => {
  const state = join(directory, 'state');
  mkdirSync(state);
  const config = writeConfig(directory, { rvi });
  const readOnly = runElsewhere(config, `mount -t tmpfs -o ro none ${state}`);
  assert.is(readOnly.exitCode, 1);
  assert.match(readOnly.log, /startup-failed reason="cannot lock .*EROFS: read-only file system/);
  const noInodes = runElsewhere(config, `mount -t tmpfs -o nr_inodes=1 none ${state}`);
  assert.is(noInodes.exitCode, 1);
  assert.match(noInodes.log, /error startup-failed reason="cannot lock .*ENOSPC: no space left/);
});

needsRoot('needs no block of a disk that is full', () => {
  const state = join(directory, 'state');
  mkdirSync(state);
  const config = writeConfig(directory, { rvi });
  const fill = `head -c 9999999 /dev/zero >${state}/full 2>/dev/null`;
  const full = `mount -t tmpfs -o size=64k none ${state}; ${fill}`;
  const ran = runElsewhere(config, `(${full}) ; true; set -- timeout 2 "$@"`);
  assert.not.match(ran.log, /cannot lock/);
});

test.run();
