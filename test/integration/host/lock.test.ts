// Tests the lock of a directory: this file runs itself as agents that take the same lock. They are
// killed, crash, and start at once. The test writes files that only look like a lock.
import { spawn } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readlinkSync, readdirSync, rmSync } from 'node:fs';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { takeLock } from '../../../src/host/lock.ts';
import { assert, suite } from '../../support/suite.ts';
import type { ChildProcess } from 'node:child_process';
import type { Suite } from '../../support/suite.ts';

const [, bundle = '', role, given = ''] = process.argv;

/** Prints the result of the lock; a holder runs until it is ordered to end or to crash. */
async function beAgent(): Promise<void> {
  const taken = await takeLock(given, '1.2.3');
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
const isListening = () => lstatSync(`${directory}/lock`).isSocket();

/** Returns what the holder sends to a client. */
function ask(path: string): Promise<{ readonly [key: string]: unknown }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(path, () => undefined);
    socket.on('data', (more: Buffer) => (text += more.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(JSON.parse(text)));
  });
}

function testHolders(test: Suite): void {
  test('lets one agent in, and tells the next one who holds it', async () => {
    const first = await startAgent(join(directory, 'deep/down'));
    assert.is(first.said, 'held');
    const second = await startAgent(join(directory, 'deep/down'));
    const { pid } = first.child;
    const path = join(directory, 'deep/down/lock');
    assert.is(second.said, `another agent (process ${pid}) has the lock ${path}; stop it first`);
    await endOf(first.child, () => first.child.kill('SIGKILL'));
  });

  for (const [how, act] of [
    ['ends', (child: ChildProcess) => void child.stdin?.write('end')],
    ['crashes', (child: ChildProcess) => void child.stdin?.write('crash')],
  ] as const) {
    test(`is gone when its holder ${how}`, async () => {
      const { child, said } = await startAgent(directory);
      assert.is(said, 'held');
      assert.ok(isListening());
      await endOf(child, () => act(child));
      assert.equal(readdirSync(directory), []);
    });
  }

  test('holds nobody up when its holder was killed', async () => {
    const first = await startAgent(directory);
    await endOf(first.child, () => first.child.kill('SIGKILL'));
    assert.ok(isListening());
    const second = await startAgent(directory);
    assert.is(second.said, 'held');
    await endOf(second.child, () => second.child.stdin?.write('end'));
  });

  test('tells whoever connects which process holds it, where, and of which version', async () => {
    const { child } = await startAgent(directory);
    const told = await ask(`${directory}/lock`);
    const namespace = readlinkSync('/proc/self/ns/pid');
    const expected = { pid: child.pid, host: hostname(), namespace, version: '1.2.3' };
    assert.equal(told, { ...told, ...expected, state: 'holding' });
    await endOf(child, () => child.stdin?.write('end'));
  });

  test('is held by a process that is stopped and cannot answer', async () => {
    const first = await startAgent(directory);
    first.child.kill('SIGSTOP');
    const second = await startAgent(directory);
    assert.match(
      second.said,
      /^another agent \(it does not answer\) has the lock .*lock; stop it first$/,
    );
    await endOf(first.child, () => first.child.kill('SIGKILL'));
    const third = await startAgent(directory);
    assert.is(third.said, 'held');
    await endOf(third.child, () => third.child.stdin?.write('end'));
    assert.equal(readdirSync(directory), []);
  });

  test('works below a path that is too long for a socket', async () => {
    const deep = join(directory, 'x'.repeat(120), 'y'.repeat(120));
    const first = await startAgent(deep);
    assert.is(first.said, 'held');
    const second = await startAgent(deep);
    assert.match(second.said, new RegExp(`process ${first.child.pid}\\) has the lock`));
    await endOf(first.child, () => first.child.kill('SIGKILL'));
    const third = await startAgent(deep);
    assert.is(third.said, 'held');
    await endOf(third.child, () => third.child.stdin?.write('end'));
    assert.equal(readdirSync(deep), []);
  });
}

function testNames(test: Suite): void {
  test('leaves alone what is not its own', async () => {
    const names = ['lock.d', 'lock.1234', 'lockfile', 'locks'];
    for (const name of names) writeFileSync(join(directory, name), name);
    const { child, said } = await startAgent(directory);
    assert.is(said, 'held');
    await endOf(child, () => child.stdin?.write('end'));
    assert.equal(readdirSync(directory).sort(), [...names].sort());
  });

  for (const [what, make] of [
    ['a dead holder', () => startAndKill(directory)],
    ['the dead link of 0.1.0', async () => symlinkSync('999999999 1 gone', `${directory}/lock`)],
    ['nothing', async () => undefined],
  ] as const) {
    test(`is had by one of many that find ${what} at the same time`, () => rush(make));
  }
}

async function startAndKill(at: string): Promise<void> {
  const { child } = await startAgent(at);
  await endOf(child, () => child.kill('SIGKILL'));
}

const startFive = () => Promise.all(Array.from({ length: 5 }, () => startAgent(directory)));

async function rush(make: () => Promise<void>): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    await make();
    let agents = await startFive();
    // On a busy machine an agent that tries the lock may answer too late. Then the others take it
    // for the holder, all of them may give up, and a service manager starts them again.
    const gaveUp = () =>
      agents.every(({ said }) => said !== 'held') &&
      agents.some(({ said }) => said.includes('it does not answer'));
    while (gaveUp()) agents = await startFive();
    const holders = agents.filter(({ said }) => said === 'held');
    assert.is(holders.length, 1, agents.map(({ said }) => said).join('; '));
    for (const { child } of holders) await endOf(child, () => child.stdin?.write('end'));
    assert.equal(readdirSync(directory), []);
  }
}

function testLeftovers(test: Suite): void {
  const [pid, startTime, bootId] = ownName();
  test('is held by a process that has the same number, start and boot', async () => {
    symlinkSync(`${pid} ${startTime} ${bootId}`, `${directory}/lock`);
    const { said } = await startAgent(directory);
    assert.match(said, new RegExp(`^another agent \\(process ${pid}\\) has the lock`));
  });

  for (const [what, name] of [
    ['a process of the same number that started at another time', `${pid} 1 ${bootId}`],
    ['the same process of another boot', `${pid} ${startTime} 00000000-0000`],
    ['no process', `999999999 1 ${bootId}`],
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
    ['a link of somebody else', (path: string) => symlinkSync('/etc/hostname', path)],
  ] as const) {
    test(`gives up, and leaves it as it is, where ${what} has its name`, async () => {
      make(`${directory}/lock`);
      const { said } = await startAgent(directory);
      assert.match(said, /\/lock exists and is not the lock of an agent; .* remove it$/);
      assert.equal(readdirSync(directory), ['lock']);
    });
  }

  test('says what is wrong with a directory that cannot be used', async () => {
    writeFileSync(`${directory}/file`, '');
    const taken = await takeLock(`${directory}/file/x`, '1.2.3');
    assert.is(taken.ok ? '' : taken.code, 'ENOTDIR');
    assert.match(taken.ok ? '' : taken.reason, /^cannot lock .*\/file\/x: ENOTDIR: /);
  });
}

/** The values by which the lock identifies a process. */
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
  testNames(test);
  testLeftovers(test);
  test.run();
}

if (role === 'agent') await beAgent();
else run(suite('the lock'));
