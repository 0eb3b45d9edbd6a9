// Tests that the agent ends in time when a resource keeps the process alive: a log that is not
// read, peers that neither answer nor close, name servers that do not answer. After `stopped` the
// agent must end within seconds, and the next one must start.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { readSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { agentPath, launcher, startAgent, writeConfig } from '../support/agent.ts';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { pause, until, within } from '../support/idle.ts';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';

const test = suite('an end in time');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-end-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Idle time. An agent that does not end by itself takes a minute or more. */
const limitMs = launcher.length === 0 ? 8_000 : 60_000;

const endOf = (child: ChildProcess) =>
  new Promise<unknown>((done) => child.on('exit', (code, name) => done(code ?? name)));

async function endsInTime(ended: Promise<unknown>, expected: unknown = 0): Promise<void> {
  assert.is(await within('the end', ended, limitMs), expected);
}

function runWith(config: string, stderr: number | 'pipe'): ChildProcess {
  const [program = '', ...args] = [...launcher, agentPath(), 'run', '--config', config];
  const env = { PATH: process.env['PATH'] };
  return spawn(program, args, { env, stdio: ['ignore', 'ignore', stderr] });
}

/** Each request causes one line in the log, at level debug. */
function disturb(config: string, lines: number): Promise<void> {
  const socket = connect(join(directory, 'control.sock'));
  return new Promise((resolve, reject) => {
    let answers = 0;
    const ask = () => socket.write('{"command":"x"}\n'.repeat(Math.min(200, lines - answers)));
    socket.on('connect', ask);
    socket.on('error', (error) => reject(new Error(`${config}: ${error.message}`)));
    socket.on('close', () => reject(new Error(`${config}: closed after ${answers} answers`)));
    socket.on('data', (data: Buffer) => {
      const more = data.toString().split('\n').length - 1;
      const [before, now] = [answers, answers + more];
      answers = now;
      if (answers >= lines) socket.end(resolve);
      else if (Math.floor(before / 200) < Math.floor(now / 200)) ask();
    });
  });
}

const rssKiB = (pid: number) =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** Reads what is in the pipe. */
function readAll(fd: number): string {
  let text = '';
  const buffer = Buffer.alloc(65_536);
  for (;;) {
    try {
      const count = readSync(fd, buffer);
      if (count === 0) return text;
      text += buffer.toString('latin1', 0, count);
    } catch {
      return text;
    }
  }
}

for (const kind of ['a pipe', 'a stream socket'] as const) {
  test(`with ${kind} for a log that nobody reads any more`, async () => {
    const config = writeConfig(directory, { rvi: { url: 'ws://127.0.0.1:1' } });
    const fifo = join(directory, 'fifo');
    assert.is(spawnSync('mkfifo', [fifo]).status, 0);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const child = runWith(config, kind === 'a pipe' ? fd : 'pipe');
    child.stderr?.pause();
    const ended = endOf(child);
    await until('its socket', () => isThere(join(directory, 'control.sock')));
    await disturb(config, 6_000);
    child.kill('SIGTERM');
    await endsInTime(ended);
    closeSync(fd);
    const next = startAgent(config);
    await next.logged(/ started /);
    assert.is(await next.kill(), 0);
  });
}

test('keeps its memory while nobody reads its log, and counts missing lines', async () => {
  const config = writeConfig(directory, { rvi: { url: 'ws://127.0.0.1:1' } });
  const fifo = join(directory, 'fifo');
  assert.is(spawnSync('mkfifo', [fifo]).status, 0);
  const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  // A descriptor of its own, because a child makes its end blocking.
  const end = openSync(fifo, constants.O_WRONLY);
  const child = runWith(config, end);
  closeSync(end);
  const ended = endOf(child);
  await until('its socket', () => isThere(join(directory, 'control.sock')));
  // After that the heap has its final size.
  await disturb(config, 10_000);
  const before = rssKiB(child.pid ?? 0);
  await disturb(config, 10_000);
  const grownKiB = rssKiB(child.pid ?? 0) - before;
  // Growth of the heap by so many requests; queued lines would need more.
  assert.ok(grownKiB < 20_480, `${grownKiB} KiB more`);
  let text = '';
  await until('the line of what is missing', () => {
    text += readAll(fd);
    return /warn log-dropped lines=\d+\n/.test(text);
  });
  const [, dropped] = /log-dropped lines=(\d+)/.exec(text) ?? [];
  const told = (text.match(/control-request-invalid/g) ?? []).length;
  // The rest are lines about the link.
  const lines = told + Number(dropped);
  assert.ok(lines >= 20_000 && lines < 20_100, `${lines} lines`);
  await disturb(config, 3);
  await until('lines again', () => {
    text += readAll(fd);
    return /log-dropped[^]*(control-request-invalid[^]*){3}/.test(text);
  });
  child.kill('SIGTERM');
  await endsInTime(ended);
  assert.match(readAll(fd), /info stopped\n$/);
  closeSync(fd);
});

function isThere(path: string): boolean {
  return spawnSync('test', ['-S', path]).status === 0;
}

/** Accepts connections and sends nothing. */
async function silentServer() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const end = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port, count: () => sockets.size, end };
}

for (const [what, rvi] of [
  [
    'a node that takes a call and says nothing',
    (port: number) => ({
      url: `http://127.0.0.1:${port}`,
      listen: '127.0.0.1:0',
    }),
  ],
  ['a WebSocket that is never answered', (port: number) => ({ url: `ws://127.0.0.1:${port}` })],
  [
    'a TLS handshake that is never answered',
    (port: number) => ({
      url: `wss://127.0.0.1:${port}`,
    }),
  ],
  [
    'a proxy that never answers',
    (port: number) => ({
      url: 'wss://node.example:443',
      proxy: `http://127.0.0.1:${port}`,
    }),
  ],
] as const) {
  test(`beside ${what}`, async () => {
    const silent = await silentServer();
    const agent = startAgent(writeConfig(directory, { rvi: rvi(silent.port) }));
    await agent.logged(/ started /);
    await until('a connection', () => silent.count() > 0);
    await endsInTime(agent.kill());
    assert.match(agent.log(), /info stopped\n$/);
    silent.end();
  });
}

test('beside control clients that do not read, do not ask, and watch', async () => {
  await withVehicle({}, async (vehicle) => {
    await vehicle.boot().logged(/ started /);
    const path = join(vehicle.directory, 'control.sock');
    const asked = ['', '{"command":"watch"}\n', '{"command":"status"}\n'.repeat(2_000)];
    const sockets = asked.map((text) => {
      const socket = connect({ path, allowHalfOpen: true });
      socket.on('error', () => undefined).pause();
      socket.write(text);
      return socket;
    });
    await until('connections', () => sockets.every(({ connecting }) => !connecting));
    await endsInTime(vehicle.agent().kill());
    for (const socket of sockets) socket.destroy();
  });
});

const textIn = (name: string) => readFileSync(join(directory, name), 'utf8');

/** A name server that never answers, in separate network and mount namespaces. */
const inNamespaces = [
  'mount --bind "$D/resolv.conf" /etc/resolv.conf',
  'mount --bind "$D/nsswitch.conf" /etc/nsswitch.conf',
  'ip link set lo up',
  "perl -MSocket -e 'socket(S, AF_INET, SOCK_DGRAM, 0); bind(S, pack_sockaddr_in(53, " +
    'inet_aton("127.0.0.9"))) or die; $| = 1; print "up\\n"; ' +
    'while (recv(S, $m, 512, 0)) { print "asked\\n" } \' >"$D/asked" & server=$!',
  '"$@" 2>"$D/log" & agent=$!',
  'until grep -qs " started " "$D/log" && grep -q asked "$D/asked"; do sleep 0.05; done',
  'kill -TERM $agent; wait $agent; echo "ended with $?" >>"$D/log"',
  'kill $server',
].join('\n');

const canIsolate =
  hasProgram('unshare') &&
  hasProgram('perl') &&
  hasProgram('ip') &&
  spawnSync('unshare', ['-mn', 'true']).status === 0;

test.needs('root, unshare, ip and perl', canIsolate && launcher.length === 0)(
  'while name lookups hang, because all name servers are dead',
  async () => {
    const servers = 'nameserver 127.0.0.9\n'.repeat(3);
    writeFileSync(join(directory, 'resolv.conf'), `${servers}options timeout:30 attempts:5\n`);
    writeFileSync(join(directory, 'nsswitch.conf'), 'hosts: dns\n');
    const config = writeConfig(directory, { rvi: { url: 'ws://node.example:8901' } });
    const words = [agentPath(), 'run', '--config', config];
    const child = spawn('unshare', ['-mn', 'sh', '-c', inNamespaces, 'sh', ...words], {
      env: { PATH: process.env['PATH'], D: directory },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = endOf(child);
    const log = () => (existsSync(join(directory, 'log')) ? textIn('log') : '');
    await until('the signal', () => /stopping/.test(log()));
    await endsInTime(ended);
    assert.match(log(), /info stopped\nended with 0\n$/);
  },
);

test('the output of a short command waits for its reader', async () => {
  await withVehicle({}, async (vehicle) => {
    await vehicle.boot().logged(/ started /);
    for (const [command, end] of [
      ['config', '[log]'],
      ['status', 'link'],
    ] as const) {
      const words = [...launcher, agentPath(), command, '--config', vehicle.config];
      const script = '"$0" "$@" | { sleep 3; cat; }; exit 0';
      const ran = spawnSync('bash', ['-c', script, ...words], { encoding: 'utf8' });
      assert.ok(ran.stdout.includes(end), ran.stdout);
    }
  });
});

test('`watch` ends at Ctrl-C where nobody reads what it prints', async () => {
  await withVehicle({}, async (vehicle) => {
    await vehicle.boot().logged(/ started /);
    const [program = '', ...args] = [...launcher, agentPath(), 'watch', '--config', vehicle.config];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.pause();
    const ended = endOf(child);
    await pause(1_000);
    child.kill('SIGINT');
    await endsInTime(ended);
  });
});

test.run();
