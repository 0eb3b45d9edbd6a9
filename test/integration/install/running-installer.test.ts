// Tests the search for a running installer with real processes, and the cost of each check with a
// fake /proc.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createDisk } from '../../../src/host/disk.ts';
import { isRunning, payloadVariable } from '../../../src/install/running-installer.ts';
import { waitForEnd, watchInstaller } from '../../../src/install/running-installer.ts';
import { createFakeClock } from '../../support/control.ts';
import { assert, suite } from '../../support/suite.ts';
import type { Disk, DiskFile } from '../../../src/host/ports.ts';

const test = suite('an installer that outlived its agent');
const orphan = { path: '/data/packages/1/data', program: '/usr/bin/installer' };
const mark = `SOTA_PACKAGE_FILE=${orphan.path}\0`;

type Process = { environ: string; cmdline: string; startTicks: number; state?: string };

/** A fake /proc that counts reads. */
function createProc(processes: Map<string, Process>) {
  const opened: string[] = [];
  const absent = { ok: false, code: 'ENOENT', reason: 'ENOENT' } as const;
  let lists = 0;
  const textOf = (path: string) => {
    const [, pid = '', name = ''] = /^\/proc\/(\d+)\/(\w+)$/.exec(path) ?? [];
    const one = processes.get(pid);
    if (one === undefined) return undefined;
    if (name === 'environ') return one.environ;
    if (name === 'cmdline') return one.cmdline;
    const { state = 'S', startTicks } = one;
    return `${pid} (a) b (c) ${state} ${'0 '.repeat(18)}${startTicks} 0 0\n`;
  };
  const disk: Disk = {
    ...createDisk(),
    list: async () => {
      lists += 1;
      const entries = [...processes.keys()].map((name) => ({ name, kind: 'directory' }) as const);
      return { ok: true, value: [...entries, { name: 'self', kind: 'other' }] };
    },
    open: async (path) => {
      opened.push(path);
      const text = textOf(path);
      if (text === undefined) return absent;
      const never = async () => absent;
      const file: DiskFile = {
        path,
        read: async () => ({ ok: true, value: Buffer.from(text) }),
        close: async () => undefined,
        ...{ write: never, truncate: never, size: never, mode: never, sync: never },
      };
      return { ok: true, value: file };
    },
  };
  return { disk, opened, lists: () => lists };
}

const installer = (startTicks: number): Process => {
  return { environ: `A=b\0${mark}`, cmdline: '/usr/bin/installer\0--now\0', startTicks };
};
const other = (startTicks: number): Process => {
  return { environ: 'A=b\0', cmdline: '/sbin/init\0', startTicks };
};
const crowd = () =>
  new Map(Array.from({ length: 200 }, (_, at) => [String(at + 1), other(at)] as const));

test('is looked for through all processes once, then alone, and ever more seldom', async () => {
  const processes = crowd().set('777', installer(5));
  const { disk, opened, lists } = createProc(processes);
  const clock = createFakeClock();
  let ended: boolean | undefined;
  const hourMs = 3_600_000;
  void waitForEnd({ disk, clock }, orphan, hourMs).then((result) => (ended = result));
  for (let second = 0; second < 3_000; second++) await clock.advance(1_000);
  assert.is(ended, undefined);
  assert.is(lists(), 1);
  // A full scan every 200 ms would open 3 600 000 files of 200 processes in an hour.
  assert.ok(opened.length < 5_000, `${opened.length} files opened`);
  processes.delete('777');
  for (let turn = 0; ended === undefined && turn < 200; turn++) await clock.advance(100);
  assert.is(ended, true);
  assert.is(lists(), 2);
});

test('is waited for no longer than it may take', async () => {
  const { disk } = createProc(crowd().set('777', installer(5)));
  const clock = createFakeClock();
  let ended: boolean | undefined;
  void waitForEnd({ disk, clock }, orphan, 10_000).then((result) => (ended = result));
  for (let turn = 0; ended === undefined && turn < 200; turn++) await clock.advance(1_000);
  assert.is(ended, false);
});

for (const [what, then] of [
  ['is another process under its number', other(9)],
  ['is another start of it, for other bytes', { ...installer(9), environ: 'A=b\0' }],
  ['is a zombie', { ...installer(5), state: 'Z', environ: '', cmdline: '' }],
  ['became a service', { ...installer(5), cmdline: '/usr/sbin/service\0' }],
] as const) {
  test(`has ended where what is there then ${what}`, async () => {
    const processes = crowd().set('777', installer(5));
    const { disk } = createProc(processes);
    const watch = watchInstaller(disk, orphan);
    assert.ok(await watch.isRunning());
    processes.set('777', then);
    assert.not.ok(await watch.isRunning());
  });
}

test('has not ended where another process goes on with the work', async () => {
  const processes = crowd().set('777', installer(5));
  const { disk } = createProc(processes);
  const watch = watchInstaller(disk, orphan);
  assert.ok(await watch.isRunning());
  processes.delete('777');
  processes.set('778', installer(6));
  assert.ok(await watch.isRunning());
});

test('is found among real processes, and its end is seen', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sota-orphan-'));
  const path = join(directory, 'data');
  const environment = { PATH: process.env['PATH'], ...payloadVariable(path) };
  const child = spawn('sleep', ['600'], { env: environment, stdio: 'ignore' });
  try {
    const real = { path, program: 'sleep' };
    const watch = watchInstaller(createDisk(), real);
    for (let tries = 0; !(await watch.isRunning()); tries++) assert.ok(tries < 600, 'not found');
    assert.ok(await watch.isRunning());
    assert.not.ok(await isRunning(createDisk(), { ...real, program: 'opkg' }));
    const gone = new Promise((done) => child.on('exit', done));
    child.kill('SIGKILL');
    await gone;
    assert.not.ok(await watch.isRunning());
  } finally {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
});

test.run();
