// Tests the runner with real programs. It provokes what must not happen (a shell, an inherited
// variable, a grandchild that survives); a wait ends when its condition holds.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { createRunner } from '../../../src/host/runner.ts';
import { assert, suite } from '../../support/suite.ts';
import { until, within } from '../../support/idle.ts';
import type { RunRequest } from '../../../src/host/ports.ts';

const test = suite('runner');
let directory = '';
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-runner-'));
});
test.after(() => rmSync(directory, { recursive: true, force: true }));

const PATH = process.env['PATH'] ?? '';
const run = (program: string, args: readonly string[], change: Partial<RunRequest> = {}) =>
  createRunner()({
    program,
    args,
    environment: { PATH },
    timeLimitMs: 60_000,
    outputBytesMax: 1_000,
    ...change,
  });
const sh = (script: string, change: Partial<RunRequest> = {}) => run('sh', ['-c', script], change);

test('gives the exit code and both outputs', async () => {
  const result = await sh('echo out; echo err >&2; exit 7');
  assert.equal(result, { kind: 'exited', exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
});

test('uses no shell: arguments arrive as they are', async () => {
  const args = ['$HOME', '; touch x', '`id`', 'a b', '', '*', "'", '"', '\\', 'ü\n'];
  const result = await run('printf', ['%s|', ...args]);
  assert.is(result.kind === 'exited' && result.stdout, `${args.join('|')}|`);
});

test('gives the environment that it was told, and nothing of its own', async () => {
  process.env['SOTA_RUNNER_SECRET'] = 'seen';
  const result = await run('env', [], { environment: { PATH, LANG: 'C' } });
  const lines = result.kind === 'exited' ? result.stdout.trim().split('\n') : [];
  // Node sets this variable in each child while it measures coverage.
  const given = lines.filter((line) => !line.startsWith('NODE_V8_COVERAGE='));
  assert.equal(given, [`PATH=${PATH}`, 'LANG=C']);
});

test('gives no input to wait for', async () => {
  const result = await run('cat', []);
  assert.equal(result, { kind: 'exited', exitCode: 0, stdout: '', stderr: '' });
});

test('tells of the signal that ended it', async () => {
  const result = await sh('kill -SEGV $$');
  assert.is(result.kind === 'killed' && result.signal, 'SIGSEGV');
});

const impossible: readonly (readonly [string, string, readonly string[], string])[] = [
  ['that is not there', '/none/program', [], 'ENOENT'],
  ['that is a folder', '/tmp', [], 'EACCES'],
  ['with arguments that are too long', 'true', ['x'.repeat(3_000_000)], 'E2BIG'],
  ['with a NUL in an argument', 'true', ['a\0b'], 'ERR_INVALID_ARG_VALUE'],
];

for (const [what, program, args, code] of impossible) {
  test(`tells that a program ${what} did not start`, async () => {
    const result = await run(program, args);
    assert.is(result.kind === 'not-started' && result.code, code, JSON.stringify(result));
  });
}

test('ends it at the time limit, with what it had said', async () => {
  const result = await sh('echo begun; exec sleep 600', { timeLimitMs: 300 });
  assert.equal(result, { kind: 'timed-out', stdout: 'begun\n', stderr: '' });
});

test('ends its children and theirs, also when they do not listen', async () => {
  const file = join(directory, 'grandchild');
  const child = `trap "" TERM; sh -c 'trap "" TERM; echo $$ >${file}; while :; do sleep 1; done'`;
  const result = await sh(child, { timeLimitMs: 500 });
  assert.is(result.kind, 'timed-out');
  await gone(Number(readFileSync(file, 'utf8')));
});

// Services that a maintainer script starts, each in the way that scripts do it.
const ways: readonly (readonly [string, (job: string) => string])[] = [
  ['in the background', (job) => `(${job}) &`],
  ['by nohup', (job) => `nohup sh -c '${job}' &`],
  ['in a session of its own', (job) => `setsid sh -c '${job}' &`],
];
for (const [what, background] of ways) {
  test(`neither waits for what it started ${what} nor ends it, also when that prints`, async () => {
    const [go, done] = [join(directory, `go-${what}`), join(directory, `done-${what}`)];
    // The job waits until the result is there; a closed output would end it when it prints.
    const wait = `while [ ! -e "${go}" ]; do sleep 0.05; done`;
    const job = `${wait}; echo on stdout; echo on stderr >&2; echo $$ > "${done}"`;
    const result = await sh(`${background(job)} echo said; exit 0`);
    assert.equal(result, { kind: 'exited', exitCode: 0, stdout: 'said\n', stderr: '' });
    writeFileSync(go, '');
    await there(done);
  });
}

test('lets go of the oldest outputs when many programs leave something behind', async () => {
  const runner = createRunner();
  const before = openFiles();
  const go = join(directory, 'go-many');
  const script = `(while [ ! -e "${go}" ]; do sleep 0.2; done) & exit 0`;
  const request = { args: ['-c', script], environment: { PATH }, timeLimitMs: 60_000 };
  const one = () => runner({ program: 'sh', ...request, outputBytesMax: 100 });
  for (let round = 0; round < 4; round++) await Promise.all(Array.from({ length: 10 }, one));
  assert.ok(openFiles() <= before + 40, `${before} files were open, then ${openFiles()}`);
  writeFileSync(go, '');
});

test('ends in time although something holds its outputs', async () => {
  const file = join(directory, 'holder');
  const runner = JSON.stringify(join(process.cwd(), 'src/host/runner.ts'));
  const request = `{ program: 'sh', args: ['-c', 'sleep 600 & echo $! >${file}'],
    environment: { PATH: process.env.PATH }, timeLimitMs: 60000, outputBytesMax: 100 }`;
  const source = `import { createRunner } from ${runner};
    createRunner()(${request}).then((result) => console.log(result.kind));`;
  const built = await build({
    stdin: { contents: source, resolveDir: directory },
    bundle: true,
    platform: 'node',
    write: false,
  });
  const script = join(directory, 'ends.cjs');
  writeFileSync(script, built.outputFiles[0]?.text ?? '');
  const result = await run(process.execPath, [script]);
  process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
  assert.equal(result, { kind: 'exited', exitCode: 0, stdout: 'exited\n', stderr: '' });
});

for (const [what, path, pattern] of [
  ['whose interpreter is missing', 'lost.sh', /interpreter \/none\/sh of the script .*lost\.sh/],
  ['with DOS line ends', 'dos.sh', /interpreter \/bin\/sh .* carriage return/],
] as const) {
  test(`says what is missing of a script ${what}`, async () => {
    const first = path === 'lost.sh' ? '#!/none/sh' : '#!/bin/sh\r';
    writeFileSync(join(directory, path), `${first}\nexit 0\n`, { mode: 0o755 });
    for (const program of [join(directory, path), path]) {
      const result = await run(program, [], { environment: { PATH: directory } });
      assert.is(result.kind === 'not-started' && result.code, 'ENOENT');
      assert.match(result.kind === 'not-started' ? result.reason : '', pattern);
    }
  });
}

test('leaves a daemon alone that has its own session, and does not wait for it', async () => {
  const file = join(directory, 'daemon');
  // The service keeps both outputs open, like those of a postinst script.
  const daemon = `echo $$ >${file}; exec sleep 600`;
  const begun = `while [ ! -s ${file} ]; do sleep 0.05; done; echo done`;
  const ended = sh(`setsid sh -c '${daemon}' & ${begun}`);
  const result = await within('the end of the program', ended).catch(() => undefined);
  const pid = Number(readFileSync(file, 'utf8'));
  assert.ok(isAlive(pid));
  process.kill(pid, 'SIGKILL');
  assert.equal(result, { kind: 'exited', exitCode: 0, stdout: 'done\n', stderr: '' });
});

test('keeps both ends of a long output, and says how much is left out', async () => {
  const line = 'while [ $i -lt 2000 ]; do echo 123456789; i=$((i+1)); done';
  const result = await sh(`echo first; i=0; ${line}; echo last`);
  const said = result.kind === 'exited' ? result.stdout : '';
  assert.ok(said.length < 2_100, `${said.length}`);
  assert.ok(said.startsWith('first\n'));
  assert.ok(said.endsWith('last\n'));
  const [, leftOut] = /\n\[(\d+) characters\]\n/.exec(said) ?? [];
  assert.is(Number(leftOut), 6 + 20_000 + 5 - 2_000);
});

test('tells what it says while it says it', async () => {
  const heard: string[] = [];
  const go = join(directory, 'go');
  const onOutput = (text: string) => {
    heard.push(text);
    writeFileSync(go, '');
  };
  // The script ends only after the test has received the first word.
  const script = `echo one; while [ ! -e ${go} ]; do sleep 0.05; done; echo two >&2`;
  const result = await sh(script, { onOutput });
  assert.is(result.kind, 'exited');
  assert.is(heard.join(''), 'one\ntwo\n');
});

const openFiles = () => readdirSync('/proc/self/fd').length;

async function there(path: string): Promise<void> {
  await until(`${path} to be written`, () => existsSync(path) && readFileSync(path, 'utf8') !== '');
}

function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'));
}

async function gone(pid: number): Promise<void> {
  assert.ok(pid > 1);
  await until(`${pid} to end`, () => !isAlive(pid));
}

test.run();
