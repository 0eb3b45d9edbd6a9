// Tests the executable without the kernel's file systems (a chroot of an image, no /dev and /proc).
// Also tests which files it opens, by strace, and which message it logs after an internal fault.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { agentPath, launcher, writeConfig } from '../support/agent.ts';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { until } from '../support/idle.ts';

const test = suite('the bare executable');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-bare-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const PATH = process.env['PATH'];
const isNative = launcher.length === 0;
const canChroot = spawnSync('chroot', ['/', 'true']).status === 0;
const needsRoot = test.needs('root and ldd', canChroot && hasProgram('ldd') && isNative);

/** The executable with its libraries and a configuration, and no other files. */
function image(): string {
  const root = join(directory, 'root');
  const listed = spawnSync('ldd', [agentPath()], { encoding: 'utf8' }).stdout;
  for (const [path = ''] of listed.matchAll(/\/\S+(?= \()/g)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
  copyFileSync(agentPath(), join(root, 'sota-agent'));
  writeConfig(join(root, 'etc'), {
    rvi: { url: 'ws://127.0.0.1:1' },
    storage: { dir: '/state' },
    control: { socket: '/control.sock' },
  });
  return root;
}

needsRoot('runs its commands without /dev and /proc; only `run` says what it lacks', () => {
  const root = image();
  for (const [command, exitCode, said] of [
    ['version', 0, /^sota-agent \d/],
    ['help', 0, /receives, verifies and installs software/],
    ['config', 0, /\[storage\]/],
    ['status', 3, /the daemon is not running/],
    ['run', 1, /^\S+ error startup-failed reason="\/dev\/urandom cannot be opened \(ENOENT.*\n$/],
  ] as const) {
    const args = [root, '/sota-agent', command, '--config', '/etc/config.toml'];
    const ran = spawnSync('chroot', args, { encoding: 'utf8', env: { PATH } });
    assert.equal([command, ran.status], [command, exitCode], ran.stderr);
    assert.match(ran.stdout + ran.stderr, said, ran.stderr);
  }
});

const needsStrace = test.needs('strace', hasProgram('strace') && isNative);

needsStrace('opens nothing of the daemon for `version`', () => {
  const trace = join(directory, 'trace');
  const words = ['-f', '-e', 'trace=openat,open,socket,bind', '-o', trace, agentPath()];
  const opened = (command: string) => {
    const config = writeConfig(directory, {});
    spawnSync('strace', [...words, command, '--config', config]);
    return readFileSync(trace, 'utf8');
  };
  for (const command of ['version', 'help', 'config']) {
    assert.not.match(opened(command), /urandom|sota-bare-\w+\/state\/|boot_id|\bbind\(/, command);
  }
});

const script = join(dirname(dirname(agentPath())), 'sota-agent.cjs');

/** Runs the script on this machine's Node with a preload that throws later. */
function broken(how: string, words: readonly string[]) {
  const preload = join(directory, 'preload.cjs');
  writeFileSync(preload, how);
  const env = { PATH: process.env['PATH'] };
  const child = spawn(process.execPath, ['--require', preload, script, ...words], { env });
  let text = '';
  child.stderr.on('data', (more: Buffer) => (text += more.toString()));
  child.stdout.resume();
  return new Promise<{ readonly exitCode: number | null; readonly text: string }>((done) => {
    child.on('close', (exitCode) => done({ exitCode, text }));
  });
}

const soon = 'const t = setInterval(() => { clearInterval(t); ';
const breaks: readonly (readonly [what: string, how: string])[] = [
  ['throws', `${soon} throw new TypeError("bro\\u001bken\\nin two") }, 1500)`],
  ['leaves a rejection alone', `${soon} Promise.reject(new Error("broken")) }, 1500)`],
  ['rejects with what is no error', `${soon} Promise.reject("broken") }, 1500)`],
];

for (const [what, how] of isNative ? breaks : []) {
  for (const format of ['text', 'json']) {
    test(`a part that ${what} ends the daemon with one line: ${format}`, async () => {
      const log = { level: 'error', format };
      const config = writeConfig(directory, { rvi: { url: 'ws://127.0.0.1:1' }, log });
      const { exitCode, text } = await broken(how, ['run', '--config', config]);
      assert.is(exitCode, 1);
      assert.match(text, /^[^\n]*error[^\n]*fatal-error[^\n]*bro[^\n]*\n$/);
      assert.ok(text.length < 500 && !text.includes('\u001b'), text);
    });
  }
}

test('a part that throws ends a short command with one line', async () => {
  const how = 'process.nextTick(() => setImmediate(() => { throw new Error("broken") }))';
  const { exitCode, text } = await broken(how, ['version']);
  assert.is(exitCode, 1);
  assert.match(text, /^sota-agent: broken \(at [^\n]*\)\n$/);
});

const canIsolate = hasProgram('unshare') && spawnSync('unshare', ['-pf', 'true']).status === 0;

test.needs('root and unshare', canIsolate && isNative)(
  'warns where it is process 1, and ends at SIGTERM there, too',
  async () => {
    const config = writeConfig(directory, { rvi: { url: 'ws://127.0.0.1:1' } });
    const run = [agentPath(), 'run', '--config', config];
    const first = spawn('unshare', ['-pf', '--mount-proc', ...run], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    first.stderr.on('data', (more: Buffer) => (text += more.toString()));
    const ended = new Promise((done) => first.on('exit', done));
    await until('the warning', () => /warn no-init reason=/.test(text));
    const children = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, 'utf8');
    process.kill(Number(children.trim().split(' ')[0]), 'SIGTERM');
    assert.is(await ended, 0);
  },
);

test.run();
