// Method: this file runs itself as the agents that want the same directory; they are killed, crash,
// and start at once. What only looks like a holder is written by hand.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, readdirSync, rmSync } from 'node:fs';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { takeLock } from '../../../src/host/lock.ts';
import { assert, suite } from '../../support/suite.ts';
import type { ChildProcess } from 'node:child_process';
import type { Suite } from '../../support/suite.ts';

const [, bundle = '', role, given = ''] = process.argv;

/** Says what it got; a holder stays until it is told to end, or to crash. */
async function beAgent(): Promise<void> {
  const taken = await takeLock(given);
  process.stdout.write(`${taken.ok ? 'held' : taken.reason}\n`);
  if (!taken.ok) return;
  process.stdin.on('data', (word: Buffer) => {
    if (word.toString() === 'crash') throw new Error('crash');
    process.exit(0);
  });
}

type Agent = { readonly said: string; readonly child: ChildProcess };

function startAgent(directory: string): Promise<Agent> {
  const child = spawn(process.execPath, [bundle, 'agent', directory], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return new Promise((resolve, reject) => {
    let said = '';
    child.on('error', reject);
    child.on('exit', () => resolve({ said: said.trim(), child }));
    child.stdout?.on('data', (text: Buffer) => {
      said += text.toString();
      if (said.endsWith('\n')) resolve({ said: said.trim(), child });
    });
  });
}

function endOf(child: ChildProcess, act: () => void): Promise<unknown> {
  const ended = new Promise((resolve) => child.on('exit', resolve));
  act();
  return ended;
}

let directory = '';
const holder = () => readlinkSync(`${directory}/lock`);

function testHolders(test: Suite): void {
  test('lets one agent in, and tells the next one who holds it', async () => {
    const first = await startAgent(join(directory, 'deep/down'));
    assert.is(first.said, 'held');
    const second = await startAgent(join(directory, 'deep/down'));
    const { pid } = first.child;
    const path = join(directory, 'deep/down/lock');
    assert.is(second.said, `another agent (process ${pid}) holds ${path}; stop it first`);
    await endOf(first.child, () => first.child.kill('SIGKILL'));
  });

  for (const [how, act] of [
    ['ends', (child: ChildProcess) => void child.stdin?.write('end')],
    ['crashes', (child: ChildProcess) => void child.stdin?.write('crash')],
  ] as const) {
    test(`is gone when its holder ${how}`, async () => {
      const { child, said } = await startAgent(directory);
      assert.is(said, 'held');
      assert.ok(holder().startsWith(`${child.pid} `));
      await endOf(child, () => act(child));
      assert.equal(readdirSync(directory), []);
    });
  }

  test('holds nobody up when its holder was killed', async () => {
    const first = await startAgent(directory);
    await endOf(first.child, () => first.child.kill('SIGKILL'));
    assert.ok(holder().startsWith(`${first.child.pid} `));
    const second = await startAgent(directory);
    assert.is(second.said, 'held');
    await endOf(second.child, () => second.child.stdin?.write('end'));
  });

  test('is had by one of many that find a dead holder at the same time', async () => {
    for (let round = 0; round < 5; round += 1) {
      symlinkSync('999999999 1 gone', `${directory}/lock`);
      const agents = await Promise.all(Array.from({ length: 5 }, () => startAgent(directory)));
      const holders = agents.filter(({ said }) => said === 'held');
      assert.is(holders.length, 1, agents.map(({ said }) => said).join('; '));
      for (const { child } of holders) await endOf(child, () => child.stdin?.write('end'));
      assert.equal(readdirSync(directory), []);
    }
  });

}

function testLeftovers(test: Suite): void {
  const [pid, startTime, bootId] = ownName();
  test('is held by a process that has the same number, start and boot', async () => {
    symlinkSync(`${pid} ${startTime} ${bootId}`, `${directory}/lock`);
    const { said } = await startAgent(directory);
    assert.match(said, new RegExp(`^another agent \\(process ${pid}\\) holds`));
  });

  for (const [what, name] of [
    ['a process of the same number that started at another time', `${pid} 1 ${bootId}`],
    ['the same process of another boot', `${pid} ${startTime} 00000000-0000`],
    ['no process', 'nonsense'],
    ['the number of a group', `-1 1 ${bootId}`],
  ] as const) {
    test(`is not held by ${what}`, async () => {
      symlinkSync(name, `${directory}/lock`);
      const { child, said } = await startAgent(directory);
      assert.is(said, 'held');
      await endOf(child, () => child.stdin?.write('end'));
    });
  }

  for (const [what, make] of [
    ['an empty file', (path: string) => writeFileSync(path, '')],
    ['a file of garbage', (path: string) => writeFileSync(path, 'garbage')],
    ['a directory', (path: string) => void mkdirSync(join(path, 'x'), { recursive: true })],
  ] as const) {
    test(`is not held by ${what}`, async () => {
      make(`${directory}/lock`);
      const { child, said } = await startAgent(directory);
      assert.is(said, 'held');
      await endOf(child, () => child.stdin?.write('end'));
      assert.not.ok(existsSync(`${directory}/lock`));
    });
  }

  test('says what is wrong with a directory that cannot be used', async () => {
    writeFileSync(`${directory}/file`, '');
    const taken = await takeLock(`${directory}/file/x`);
    assert.is(taken.ok ? '' : taken.code, 'ENOTDIR');
    assert.match(taken.ok ? '' : taken.reason, /^cannot lock .*\/file\/x: ENOTDIR: /);
  });
}

/** What the lock tells a process by. */
function ownName(): readonly [pid: number, startTime: string, bootId: string] {
  const stat = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1) ?? '';
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return [process.pid, stat.split(' ')[19] ?? '', bootId];
}

function run(test: Suite): void {
  test.beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sota-lock-'));
  });
  test.afterEach(() => rmSync(directory, { recursive: true, force: true }));
  testHolders(test);
  testLeftovers(test);
  test.run();
}

if (role === 'agent') await beAgent();
else run(suite('the lock'));
