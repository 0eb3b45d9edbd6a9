// Tests `run` in this process, on the real disk below a temporary directory, without a node. A
// signal stops it, like Ctrl-C. Each test has its own directory, because this process keeps a lock
// as long as it runs.
import { existsSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { readSettings } from '../../src/config.ts';
import { createDisk } from '../../src/host/disk.ts';
import { createLocalSockets } from '../../src/host/sockets.ts';
import { createClock, openRandom } from '../../src/host/time.ts';
import { signalActions } from '../../src/host/signals.ts';
import { createServe } from '../../src/run-daemon.ts';
import { assert, suite } from '../support/suite.ts';
import { freePort } from '../support/transport.ts';
import { until } from '../support/idle.ts';
import type { Disk, LocalSockets } from '../../src/host/ports.ts';
import type { Signal } from '../../src/host/signals.ts';

const test = suite('run');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-serve-'));
});
// After a crash or an immediate end the agent still closes files, because it shares this process.
test.afterEach(() => rm(directory, { recursive: true, force: true, maxRetries: 50 }));

const socketOf = (storage: string) => `${storage}.sock`;

type Change = {
  readonly disk?: (disk: Disk) => Disk;
  readonly sockets?: (sockets: LocalSockets) => LocalSockets;
  readonly processId?: number;
};

async function run(storage: string, change: Change = {}) {
  const shown = { text: '' };
  let hear: (signal: Signal) => void = () => undefined;
  let crash: (error: unknown) => void = () => undefined;
  const sockets = createLocalSockets();
  const serve = createServe({
    clock: createClock(),
    openRandom,
    disk: change.disk?.(createDisk()) ?? createDisk(),
    sockets: change.sockets?.(sockets) ?? sockets,
    runner: async () => ({ kind: 'not-started', code: 'ENOENT', reason: 'no program' }),
    terminal: {
      err: (text) => {
        shown.text += text;
        return true;
      },
      onErrDrained: () => undefined,
    },
    onSignals: (act) => void (hear = act),
    onCrash: (act) => void (crash = act),
    isJournal: false,
    environment: {},
    processId: change.processId ?? 7,
    build: { version: '1.2.3', builtMs: 0 },
  });
  const configuration = readSettings({
    file: 'test',
    text:
      `[rvi]\nurl = "http://127.0.0.1:${await freePort()}"\nlisten = "127.0.0.1:0"\n` +
      `[storage]\ndir = "${storage}"\n[control]\nsocket = "${socketOf(storage)}"\n`,
    environment: {},
  });
  if (!configuration.ok) throw new Error(JSON.stringify(configuration.errors));
  const ended = serve(configuration.settings);
  return {
    ended,
    shown,
    hear: (name: keyof typeof signalActions) =>
      hear({ name, action: signalActions[name] ?? 'ignore' }),
    interrupt: () => hear({ name: 'SIGTERM', action: 'stop' }),
    crash: (error: unknown) => crash(error),
    logged: (word: string) => until(word, () => shown.text.includes(word)),
  };
}

test('runs until it is interrupted, and leaves nothing that keeps the process', async () => {
  const storage = join(directory, 'state');
  const one = await run(storage);
  await one.logged('info started version=1.2.3');
  assert.ok(statSync(socketOf(storage)).isSocket());
  one.interrupt();
  assert.is(await one.ended, 0);
  assert.match(one.shown.text, /info stopped\n$/);
  assert.not.ok(existsSync(socketOf(storage)));
});

test('stops at a signal that comes before its control socket is there', async () => {
  let isTold = false;
  const one: Awaited<ReturnType<typeof run>> = await run(join(directory, 'state'), {
    sockets: (sockets) => ({
      ...sockets,
      listen: async (...how) => {
        isTold = true;
        one.interrupt();
        return sockets.listen(...how);
      },
    }),
  });
  assert.is(await one.ended, 0);
  assert.ok(isTold);
  assert.match(one.shown.text, /info stopping signal=SIGTERM\n/);
});

test('ends with 0 and both lines at a signal that comes before it has begun', async () => {
  const one = await run(join(directory, 'state'));
  one.interrupt();
  assert.is(await one.ended, 0);
  assert.match(one.shown.text, /info stopping signal=SIGTERM\n.*info stopped\n/);
});

for (const [name, exitCode] of [
  ['SIGINT', 0],
  ['SIGQUIT', 131],
  ['SIGUSR2', 140],
  ['SIGALRM', 142],
  ['SIGVTALRM', 154],
  ['SIGPWR', 158],
] as const) {
  test(`stops in order at ${name}, names it, and ends with ${exitCode}`, async () => {
    const one = await run(join(directory, 'state'));
    await one.logged('started');
    one.hear(name);
    assert.is(await one.ended, exitCode);
    assert.match(one.shown.text, new RegExp(`info stopping signal=${name}\\n[^]*info stopped\\n$`));
  });
}

for (const name of ['SIGHUP', 'SIGUSR1'] as const) {
  test(`ignores ${name}, and says so`, async () => {
    const one = await run(join(directory, 'state'));
    await one.logged('started');
    one.hear(name);
    assert.match(one.shown.text, new RegExp(`info signal-ignored signal=${name}`));
    one.interrupt();
    assert.is(await one.ended, 0);
  });
}

test('tells of a crash in one line without the source, and ends with 1', async () => {
  const one = await run(join(directory, 'state'));
  await one.logged('started');
  one.crash(new TypeError('it is undefined'));
  assert.is(await one.ended, 1);
  const [line = ''] = one.shown.text.split('\n').filter((text) => text.includes('fatal-error'));
  assert.match(line, /error fatal-error reason="TypeError: it is undefined \(at [^\\]*\)"$/);
  one.interrupt();
});

test('says that it is process 1, which does not end what installers leave running', async () => {
  const one = await run(join(directory, 'state'), { processId: 1 });
  await one.logged('no-init');
  one.interrupt();
  assert.is(await one.ended, 0);
});

test('lets no other agent in, also when it has stopped and its process goes on', async () => {
  const storage = join(directory, 'state');
  const one = await run(storage);
  await one.logged('started');
  one.interrupt();
  await one.ended;
  const two = await run(storage);
  assert.is(await two.ended, 1);
  assert.match(
    two.shown.text,
    new RegExp(`startup-failed .*process ${process.pid}\\) has the lock`),
  );
});

for (const [what, make, reason] of [
  ['is a file', (path: string) => writeFileSync(path, ''), /error startup-failed .*ENOTDIR/],
  [
    'has a directory for its journal',
    (path: string) => {
      mkdirSync(join(path, 'journal'), { recursive: true });
    },
    /error startup-failed .*"journal\\?" in it is not a regular file/,
  ],
] as const) {
  test(`ends with 1 and one line where its storage ${what}`, async () => {
    const storage = join(directory, 'state');
    make(storage);
    const one = await run(storage);
    assert.is(await one.ended, 1);
    assert.match(one.shown.text, reason);
    assert.is(one.shown.text.split('\n').length, 2);
  });
}

test('says that its storage is read-only, and ends with 1', async () => {
  const reason = "EROFS: read-only file system, open 'journal'";
  const open: Disk['open'] = async () => ({ ok: false, code: 'EROFS', reason });
  const one = await run(join(directory, 'state'), { disk: (disk) => ({ ...disk, open }) });
  assert.is(await one.ended, 1);
  assert.match(
    one.shown.text,
    /error startup-failed reason=".*state: EROFS: read-only file system/,
  );
});

test('ends with 1 and says where it broke when a sync fails', async () => {
  const withoutSync = (disk: Disk): Disk => ({
    ...disk,
    async open(path, mode) {
      const opened = await disk.open(path, mode);
      if (!opened.ok) return opened;
      const sync = async () => ({ ok: false, code: 'EIO', reason: 'EIO: i/o error' }) as const;
      return { ok: true, value: { ...opened.value, sync } };
    },
  });
  const one = await run(join(directory, 'state'), { disk: withoutSync });
  assert.is(await one.ended, 1);
  assert.match(
    one.shown.text,
    /error fatal-error .*fsync of .*journal.new failed: EIO: i\/o error/,
  );
});

test('goes on without a control socket where a file is in its place, and says so', async () => {
  const storage = join(directory, 'state');
  writeFileSync(socketOf(storage), 'precious');
  const one = await run(storage);
  await one.logged('started');
  assert.match(
    one.shown.text,
    /error control-socket-failed reason=".* exists and is not a socket"/,
  );
  one.interrupt();
  assert.is(await one.ended, 0);
  assert.ok(existsSync(socketOf(storage)));
});

test.run();
