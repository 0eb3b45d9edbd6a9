// Tests signals: sends every signal that can end a process to the executable, and to the script on
// this machine's Node. The kernel's list of listening sockets shows whether a debugger listens;
// none may belong to the agent, whose link is outgoing.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { signalActions } from '../../src/host/signals.ts';
import { agentPath, launcher, startAgent, writeConfig } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('signals');
let directory = '';
let config = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-signals-'));
  config = writeConfig(directory, { log: { level: 'info' }, rvi: { url: 'ws://127.0.0.1:1' } });
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Signals that end a process without a handler, and that Node does not ignore. */
const deadly = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGTERM'].concat([
  'SIGSTKFLT',
  'SIGXCPU',
  'SIGVTALRM',
  'SIGPROF',
  'SIGIO',
  'SIGPWR',
]);

test('each that would end the agent without a word is in the table', () => {
  assert.equal(Object.keys(signalActions).sort(), [...deadly].sort());
});

for (const [name, action] of Object.entries(signalActions)) {
  const isSignal = (text: string): text is NodeJS.Signals => text in constants.signals;
  if (!isSignal(name)) throw new Error(name);
  if (action === 'ignore') continue;
  test(`${name} is an orderly stop that names it`, async () => {
    const agent = startAgent(config);
    await agent.logged(/ started /);
    const exitCode = ['SIGTERM', 'SIGINT'].includes(name) ? 0 : 128 + constants.signals[name];
    assert.is(await agent.kill(name), exitCode);
    assert.match(agent.log(), new RegExp(` info stopping signal=${name}\n[^]* info stopped\n$`));
    assert.equal(
      readdirSync(join(directory, 'state')).filter((one) => /lock/.test(one)),
      [],
    );
  });
}

test('SIGHUP is ignored, with a line that says what it does not do', async () => {
  const agent = startAgent(config);
  await agent.logged(/ started /);
  process.kill(agent.pid, 'SIGHUP');
  await agent.logged(/info signal-ignored signal=SIGHUP reason=".*at the start only"/);
  assert.is(await agent.kill(), 0);
});

/** The listening TCP sockets of this process. */
function listening(pid: number): readonly string[] {
  const rows = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8').split('\n').slice(1),
  );
  const inodes = new Map(
    rows.flatMap((row) => {
      const fields = row.trim().split(/\s+/);
      return fields[3] === '0A' ? [[`socket:[${fields[9]}]`, fields[1] ?? '']] : [];
    }),
  );
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return inodes.get(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
    } catch {
      return [];
    }
  });
}

const script = join(dirname(dirname(agentPath())), 'sota-agent.cjs');
const ways: readonly (readonly [name: string, words: readonly string[]])[] = [
  ['the executable', [...launcher, agentPath()]],
  ...(launcher.length > 0
    ? []
    : [[`the script on Node ${process.version}`, [process.execPath, script]] as const]),
];

for (const [name, words] of ways) {
  test(`SIGUSR1 opens no debugger at any instant of its life: ${name}`, async () => {
    for (let afterMs = 0; afterMs <= 600; afterMs += 40) {
      const [program = '', ...args] = [...words, 'run', '--config', config];
      const child = spawn(program, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
      const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
      const pid = child.pid ?? 0;
      await pause(afterMs);
      child.kill('SIGUSR1');
      // Node's debugger needs this time to listen, and Node itself needs it to start.
      for (let at = 0; at < 10 && child.exitCode === null && child.signalCode === null; at += 1) {
        await pause(50);
        child.kill('SIGUSR1');
        if (at > 6) assert.equal(listening(pid), [], `${afterMs} ms`);
      }
      child.kill('SIGKILL');
      await ended;
    }
  });
}

test('SIGUSR1 does no harm to an agent that runs', async () => {
  const agent = startAgent(config);
  await agent.logged(/ started /);
  process.kill(agent.pid, 'SIGUSR1');
  await pause(300);
  assert.equal(listening(agent.pid), []);
  assert.not.match(agent.log(), /[Dd]ebugger/);
  assert.is(await agent.kill(), 0);
});

test.run();
