// Tests the executable under a service manager. A socket of the test replaces systemd's; Perl reads
// it, because Node has no datagram sockets of the Unix domain. For a commit that does not end, the
// test stops the only thread of Node's file operations, like a debugger.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync } from 'node:fs';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createBackend } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { agentPath, launcher, startAgent, writeConfig } from '../support/agent.ts';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { until } from '../support/idle.ts';

const test = suite('the service');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-service-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const listener = `use Socket;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die; $| = 1;
print "open\\n";
while (defined recv($s, my $m, 4096, 0)) { $m =~ s/\\n/ /g; print "$m\\n"; }`;

/** Collects the messages to the service manager, one line each. */
async function listen(path: string) {
  const child = spawn('perl', ['-e', listener, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => void (text += more));
  const count = (word: string) => text.split('\n').filter((line) => line.includes(word)).length;
  await until('listening', () => count('open') === 1);
  return { count, text: () => text, end: () => void child.kill() };
}

/** Stops one thread until stdin ends (ptrace: SEIZE, then INTERRUPT). */
const holder = `my ($t, $n) = map { $_ + 0 } @ARGV; $| = 1;
syscall($n, 0x4206, $t, 0, 0) == 0 or die "seize: $!";
syscall($n, 0x4207, $t, 0, 0) == 0 or die "interrupt: $!";
print "held\\n"; <STDIN>;`;
const ptrace = new Map<string, number>([
  ['x64', 101],
  ['arm64', 117],
  ['arm', 26],
]);

async function holdFiles(pid: number): Promise<{ release(): void }> {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const name = (task: string) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim();
  const [thread = ''] = tasks.filter((task) => name(task) === 'libuv-worker');
  const args = ['-e', holder, thread, String(ptrace.get(process.arch))];
  const child = spawn('perl', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (more: Buffer) => void (said += more.toString()));
  await until('held', () => said === 'held\n');
  return { release: () => child.stdin.end() };
}

const canListen = hasProgram('perl') && hasProgram('systemd-notify');
const needsManager = test.needs('perl and systemd-notify', canListen);

needsManager('tells systemd that it is ready, what it does, and that it is well', async () => {
  const socket = join(directory, 'notify');
  const manager = await listen(socket);
  const backend = createBackend({ transport: 'http' });
  await backend.start();
  const config = writeConfig(directory, { rvi: { url: backend.url, listen: '127.0.0.1:0' } });
  const agent = startAgent(config, { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '2000000' });
  await until('ready', () => manager.count('READY=1') === 1);
  await until('fed', () => manager.count('WATCHDOG=1') >= 3);
  await until('registered', () => manager.count('STATUS=registered') >= 1);
  assert.is(manager.count('STOPPING=1'), 0);
  assert.is(await agent.kill(), 0);
  await until('stopping', () => manager.count('STOPPING=1') === 1);
  manager.end();
  await backend.stop();
});

const canHold = canListen && process.getuid?.() === 0;
const needsHold = test.needs('root, perl and systemd-notify', canHold);

needsHold('feeds no watchdog while a commit does not end, and again when it does', async () => {
  const socket = join(directory, 'notify');
  const manager = await listen(socket);
  const backend = createBackend({ transport: 'http' });
  await backend.start();
  const config = writeConfig(directory, {
    rvi: { url: backend.url, listen: '127.0.0.1:0' },
    policy: { consent: 'required' },
  });
  const watched = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '4000000', UV_THREADPOOL_SIZE: '1' };
  const agent = startAgent(config, watched);
  await backend.registered();
  await until('fed', () => manager.count('WATCHDOG=1') >= 1);
  const held = await holdFiles(agent.pid);
  let number = 0;
  const offers = setInterval(() => {
    number += 1;
    backend.server.notify([packageOf({ name: 'hello', version: `${number}` }, Buffer.alloc(10))]);
  }, 1_000);
  await agent.logged(/error watchdog-stalled/).finally(() => clearInterval(offers));
  const fed = manager.count('WATCHDOG=1');
  await until(
    'stuck again',
    () => (agent.log().match(/error watchdog-stalled/g) ?? []).length >= 3,
    60_000,
  );
  assert.is(manager.count('WATCHDOG=1'), fed);
  held.release();
  await until('fed again', () => manager.count('WATCHDOG=1') > fed);
  await agent.logged(/package-offered/);
  assert.is(await agent.kill(), 0);
  manager.end();
  await backend.stop();
});

test('gives the journal the priority of each line', async () => {
  const path = join(directory, 'journal');
  const stderr = openSync(path, 'w');
  const { dev, ino } = fstatSync(stderr);
  const rvi = { url: 'ws://127.0.0.1:1' };
  const config = writeConfig(directory, { log: { level: 'info' }, rvi });
  const [program = '', ...args] = [...launcher, agentPath(), 'run', '--config', config];
  const env = { PATH: process.env['PATH'], JOURNAL_STREAM: `${dev}:${ino}` };
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', stderr] });
  closeSync(stderr);
  const lines = () => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  // The control socket may need more time than the first failure of the link.
  const wanted = [/^<6>info started /m, /^<4>warn node-disconnected /m];
  const isTold = () => wanted.every((line) => line.test(lines()));
  await until('both lines with their priorities', isTold).finally(() => child.kill());
});

test.run();
