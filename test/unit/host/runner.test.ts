// Method: real programs. What must not happen (a shell, an inherited variable, a grandchild that
// lives on) is provoked; waits end with what they wait for.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createRunner } from '../../../src/host/runner.ts';
import { assert, suite } from '../../support/suite.ts';
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
  // Node itself hands this one down, where the coverage of tests is measured.
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

test('does not wait for what it left running, and ends it', async () => {
  const file = join(directory, 'left');
  const result = await sh(`sleep 600 & echo $! >${file}; echo done`);
  assert.equal(result, { kind: 'exited', exitCode: 0, stdout: 'done\n', stderr: '' });
  await gone(Number(readFileSync(file, 'utf8')));
});

test('leaves a daemon alone that has its own session, and does not wait for it', async () => {
  const file = join(directory, 'daemon');
  // It holds both outputs, as services do that a postinst starts.
  const daemon = `echo $$ >${file}; exec sleep 600`;
  const begun = `while [ ! -s ${file} ]; do sleep 0.05; done; echo done`;
  const ended = sh(`setsid sh -c '${daemon}' & ${begun}`);
  const late = new Promise<void>((resolve) => setTimeout(resolve, 30_000).unref());
  const result = await Promise.race([ended, late]);
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
  // It ends only after the first word was heard.
  const script = `echo one; while [ ! -e ${go} ]; do sleep 0.05; done; echo two >&2`;
  const result = await sh(script, { onOutput });
  assert.is(result.kind, 'exited');
  assert.is(heard.join(''), 'one\ntwo\n');
});

function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'));
}

async function gone(pid: number): Promise<void> {
  assert.ok(pid > 1);
  const endMs = performance.now() + 20_000;
  while (isAlive(pid)) {
    assert.ok(performance.now() < endMs, `${pid} still runs`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test.run();
