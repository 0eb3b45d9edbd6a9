// Tests each command with and without a daemon: what it prints, and its exit code. 0 is done, 1
// failed, 2 wrong usage or configuration, 3 daemon not reachable.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageOf } from '../backend/package.ts';
import { agentPath, askAgent, launcher, startAgent, writeConfig } from '../support/agent.ts';
import { formerKeys } from '../support/former-keys.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { CommandResult } from '../support/agent.ts';
import type { Status } from '../../src/core/status.ts';

const test = suite('commands');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const one = packageOf({ name: 'engine', version: '2.1.0' }, randomBytes(200_000));
const two = packageOf({ name: 'maps', version: '7.0.0' }, randomBytes(9));

function says(result: CommandResult, exitCode: number, out: RegExp | '', err: RegExp | ''): void {
  const shown = JSON.stringify(result);
  assert.is(result.exitCode, exitCode, shown);
  for (const [text, wanted] of [
    [result.out, out],
    [result.err, err],
  ] as const) {
    if (wanted === '') assert.is(text, '', shown);
    else assert.match(text, wanted, shown);
  }
}

test('help and version need no configuration', async () => {
  says(await askAgent(['version']), 0, /^sota-agent \d+\.\d+\.\d+\n$/, '');
  says(await askAgent(['help']), 0, /usage: sota-agent COMMAND[^]*Exit codes: 0 success/, '');
  says(await askAgent(['help', 'accept']), 0, /usage: sota-agent accept NAME \[VERSION\]/, '');
});

test('a wrong word is answered with the nearest one, exit code 2', async () => {
  says(await askAgent(['stauts']), 2, '', /unknown command "stauts": did you mean "status"\?/);
  says(await askAgent(['status', '--jsno']), 2, '', /did you mean "--json"\?/);
  says(await askAgent(['accept']), 2, '', /"accept" needs a NAME/);
  says(await askAgent([]), 2, '', /a command is missing/);
});

test('a wrong configuration is named with its line and the mend, exit code 2', async () => {
  const missing = join(directory, 'none.toml');
  const asked = await askAgent(['run', '--config', missing]);
  says(asked, 2, '', /none\.toml.*cannot be read.*--config/);
  const file = join(directory, 'config.toml');
  for (const [text, told] of [
    ['[rvi]\nregister_intervl = 5\n', /config\.toml:2: .*register_intervl.*register_interval/],
    ['[rvi]\nurl = "ftp://x"\n', /config\.toml:2: rvi\.url/],
    ['[rvi\n', /config\.toml:1/],
  ] as const) {
    writeFileSync(file, text);
    for (const command of ['run', 'config', 'status']) {
      says(await askAgent([command, '--config', file]), 2, '', told);
    }
  }
});

test('config prints what holds, and where it came from', async () => {
  const file = join(directory, 'config.toml');
  writeFileSync(file, '[rvi]\nstall_timeout = 4\n[installer.swupdate]\nargs = ["-k", "/key"]\n');
  const environment = { SOTA_AGENT_LOG_LEVEL: 'warn' };
  const shown = await askAgent(['config', '--config', file], environment);
  says(shown, 0, /stall_timeout = 4 +# .*config\.toml:2/, '');
  assert.match(shown.out, /level = "warn" +# .*SOTA_AGENT_LOG_LEVEL/);
  assert.match(shown.out, /finish_timeout = 30 +# default/);
  // The output is a valid configuration.
  writeFileSync(file, shown.out);
  says(await askAgent(['config', '--config', file]), 0, /stall_timeout = 4/, '');
});

test('former names of keys are read, with a warning at the start and by config', async () => {
  const file = join(directory, 'config.toml');
  const text = [
    `storage.dir = "${join(directory, 'state')}"`,
    `control.socket = "${join(directory, 'control.sock')}"`,
    'rvi.url = "http://127.0.0.1:9"',
    'rvi.listen = "127.0.0.1:0"',
    ...formerKeys.map(([former, , value]) => `${former} = ${value}`),
  ];
  writeFileSync(file, text.join('\n'));
  const shown = await askAgent(['config', '--config', file]);
  assert.is(shown.exitCode, 0, shown.err);
  const agent = startAgent(file);
  await agent.logged(/ started /);
  assert.is(await agent.kill('SIGTERM'), 0, agent.log());
  for (const [former, current, , value] of formerKeys) {
    const name = current.slice(current.lastIndexOf('.') + 1);
    assert.ok(shown.out.includes(`\n${name} = ${value} `), `${name}: ${shown.out}`);
    const line = new RegExp(`^warning: .*config\\.toml:\\d+: ${former} .*deprecated`, 'gm');
    for (const text of [shown.err, agent.log()]) {
      assert.is(text.match(line)?.length, 1, `${former}: ${text}`);
    }
  }
});

test('what is no regular file is no configuration, and is not waited for', async () => {
  const pipe = join(directory, 'pipe');
  spawnSync('mkfifo', [pipe]);
  const socket = createServer().listen(join(directory, 'socket'));
  await once(socket, 'listening');
  for (const path of [pipe, join(directory, 'socket'), '/dev/zero', '/dev/tty']) {
    for (const command of ['config', 'run', 'status']) {
      // Without a terminal /dev/tty cannot be opened.
      const told = /is not a regular file.*: name a regular file\n$/;
      says(await askAgent([command, '--config', path]), 2, '', told);
    }
  }
  socket.close();
  says(
    await askAgent(['config', '--config', '/dev/null']),
    0,
    /stall_timeout = 10/,
    /no installer/,
  );
  // The same holds for a file that a key names.
  const tls = { url: 'https://127.0.0.1:9', listen: '127.0.0.1:0', tls_ca: pipe };
  const agent = startAgent(writeConfig(directory, { rvi: tls }));
  assert.is(await agent.ended, 1);
  assert.match(agent.log(), /startup-failed .*tls_ca: .*pipe is not a regular file/);
});

test('the password of a proxy is printed nowhere, and its file is to be closed', async () => {
  const rvi = { listen: '127.0.0.1:0', proxy: 'http://me:s3cret@127.0.0.1:3128' };
  const config = writeConfig(directory, { rvi });
  chmodSync(config, 0o644);
  const warned = /warning: .*rvi\.proxy contains a password, and .*mode 0644.*: chmod 600 /;
  const open = await askAgent(['config', '--config', config]);
  says(open, 0, /proxy = "http:\/\/me:\*\*\*@127\.0\.0\.1:3128"/, warned);
  const agent = startAgent(config);
  await agent.logged(/ started /);
  assert.match(agent.log(), warned);
  await agent.kill();
  chmodSync(config, 0o600);
  const closed = await askAgent(['config', '--config', config]);
  assert.not.match(closed.err, 'password');
  writeFileSync(config, '[rvi]\nproxy = "http://me:s3cret@127.0.0.1:312800"\n');
  const wrong = await askAgent(['run', '--config', config]);
  says(wrong, 2, '', /rvi\.proxy is invalid; the value is not printed/);
  assert.not.match([open.out, open.err, agent.log(), wrong.err].join(), 's3cret');
});

test('a daemon whose control socket is not reachable is said to run, exit code 3', async () => {
  for (const put of [
    (path: string) => writeFileSync(path, ''),
    (path: string) => mkdirSync(path),
  ]) {
    const socket = join(directory, 'control.sock');
    put(socket);
    const config = writeConfig(directory, { rvi: { listen: '127.0.0.1:0' } });
    const agent = startAgent(config);
    await agent.logged(/ started /);
    assert.match(agent.log(), /error control-socket-failed /);
    const told = new RegExp(
      `^the daemon runs \\(process ${agent.pid}\\), but .*control-socket-failed.*control\\.socket`,
    );
    for (const words of [
      ['status'],
      ['status', '--json'],
      ['why'],
      ['watch'],
      ['inventory'],
      ['accept', 'x'],
      ['decline', 'x'],
      ['renew-path'],
    ]) {
      says(await askAgent([...words, '--config', config]), 3, '', told);
    }
    await agent.kill();
    says(await askAgent(['status', '--config', config]), 0, /the daemon is not running/, '');
    rmSync(socket, { recursive: true });
  }
});

const ofRoot = test.needs('root, who can give a file away', process.getuid?.() === 0);

ofRoot('the socket of another user gets no word of the operator', async () => {
  const path = join(directory, 'control.sock');
  const config = writeConfig(directory, {});
  const heard: string[] = [];
  const squatter = createConsenting(heard).listen(path);
  await once(squatter, 'listening');
  const asks = (word: string) => askAgent([word, 'x', '--config', config]);
  says(await asks('accept'), 0, /accepted/, '');
  chownSync(path, 12345, 12345);
  for (const word of ['accept', 'decline']) {
    says(await asks(word), 3, '', /control\.sock belongs to user 12345.*nothing was sent/);
  }
  assert.is(heard.length, 1);
  const shown = await askAgent(['config', '--config', config]);
  assert.match(shown.err, /warning: .*control\.socket may belong to another user: .*user 12345/);
  chownSync(path, 0, 0);
  chmodSync(directory, 0o777);
  says(await asks('accept'), 3, '', /is writable for every user.*nothing was sent/);
  const asked = await askAgent(['inventory', '--config', config]);
  assert.match(
    asked.err,
    /^warning: .*every user: the program that answers there may not be the daemon/,
  );
  chmodSync(directory, 0o1777);
  says(await asks('accept'), 0, /accepted/, '');
  assert.match((await askAgent(['config', '--config', config])).err, /writable for every user/);
  squatter.close();
});

/** Answers every request with `accepted`. */
function createConsenting(heard: string[]) {
  return createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      heard.push(data.toString());
      socket.end('{"ok":true,"text":"accepted"}\n');
    });
  });
}

test('without a daemon and without its files there is nobody to ask, exit code 3', async () => {
  const config = writeConfig(directory, {});
  for (const words of [['status'], ['inventory'], ['accept', 'x'], ['why'], ['watch']]) {
    const asked = await askAgent([...words, '--config', config]);
    says(asked, 3, '', /the daemon is not running .*control\.sock.*start it with/);
  }
});

test('a package waits for consent: status, why, accept, decline', async () => {
  await withVehicle({ more: { policy: { consent: 'required' } } }, async (vehicle) => {
    const { backend, command } = vehicle;
    vehicle.boot();
    await backend.registered();
    backend.server.notify([one, two]);
    await until('offered', async () => (await vehicle.status()).packages.length === 2);
    says(await command('status'), 0, /engine +2\.1\.0 +offered[^]*maps +7\.0\.0 +offered/, '');
    says(await command('why', 'engine'), 0, /engine 2\.1\.0: offered[^]*waits for: consent/, '');
    says(
      await command('why', 'engin'),
      1,
      '',
      /no package has the name engin: the packages are engine, maps/,
    );
    const json = await command('status', '--json');
    says(json, 0, /^\{/, '');
    const status: Status = JSON.parse(json.out);
    assert.equal([status.agent.source, status.link.kind], ['daemon', 'up']);
    assert.is(backend.server.isBusy(), false);

    says(await command('accept', 'motor'), 1, '', /package motor is not waiting for consent/);
    says(await command('accept', 'engine', '9.9.9'), 1, '', /unknown-package/);
    says(await command('accept', 'engine'), 0, /^accepted engine 2\.1\.0\n$/, '');
    await vehicle.reported(one);
    assert.is(backend.server.outcomes[0]?.status, true);
    says(await command('decline', 'maps', '7.0.0'), 0, /^declined maps 7\.0\.0\n$/, '');
    await until('declined', async () => (await vehicle.status()).packages[0]?.phase !== 'offered');
    assert.equal(vehicle.installs(), ['engine']);
    says(await command('inventory'), 0, '', '');
    says(await command('packages'), 0, '', /^warning: "packages" is a deprecated name .*\n$/);
  });
});

test('status of a daemon that is down comes from flash, and says so', async () => {
  await withVehicle({ more: { policy: { consent: 'required' } } }, async (vehicle) => {
    const { backend, command } = vehicle;
    vehicle.boot();
    await backend.registered();
    backend.server.notify([one]);
    await until('offered', async () => (await vehicle.status()).packages.length === 1);
    vehicle.cut();
    await vehicle.agent().ended;
    says(await command('status'), 0, /the daemon is not running[^]*engine +2\.1\.0 +offered/, '');
    const { out } = await command('status', '--json');
    const status: Status = JSON.parse(out);
    assert.is(status.agent.source, 'flash');
    says(await command('why'), 0, /engine 2\.1\.0: offered/, '');
    says(await command('accept', 'engine'), 3, '', /the daemon is not running/);
  });
});

test('a second agent on the same storage is refused, and disturbs nothing', async () => {
  await withVehicle({}, async (vehicle) => {
    const first = vehicle.boot();
    await vehicle.backend.registered();
    const second = startAgent(vehicle.config);
    const refusal = `another agent \\(process ${first.pid}\\) has the lock .*/lock`;
    await second.logged(new RegExp(refusal));
    assert.is(await second.ended, 1);
    assert.is((await vehicle.status()).link.kind, 'up');
    assert.is(await first.kill(), 0);
    const third = vehicle.boot();
    await third.logged(/ registered /);
    assert.is(await third.kill(), 0);
  });
});

/** Ends `watch` when its output matches; returns the whole output. */
async function watched(
  program: string,
  args: readonly string[],
  wanted: RegExp,
  end: (child: ReturnType<typeof spawn>) => void,
): Promise<{ readonly text: string; readonly exitCode: number | null }> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = new Promise<number | null>((done) => child.on('close', (code) => done(code)));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  try {
    await until(`a watch shows ${String(wanted)}: ${text}`, () => wanted.test(text));
  } finally {
    end(child);
  }
  const exitCode = await closed;
  return { text, exitCode };
}

const hasScript = spawnSync('script', ['--version']).status === 0;

test.needs('script', hasScript)('watch draws a bar, on a terminal and into a file', async () => {
  // Drops the second half of the chunks.
  let isHeld = true;
  const fault = ({ direction, service }: { direction: string; service: string }) =>
    direction === 'out' && service === '/sota/chunk' && isHeld && sent() > 2
      ? ({ kind: 'drop' } as const)
      : ({ kind: 'pass' } as const);
  let sent = () => 0;
  await withVehicle({ fault, rvi: { stall_timeout: 1 } }, async (vehicle) => {
    const { backend, config } = vehicle;
    sent = () => backend.server.sent.size;
    vehicle.boot();
    await backend.registered();
    backend.server.notify([one]);
    await until('half', async () => (await vehicle.status()).packages[0]?.chunksHeld === 2);
    const words = [...launcher, agentPath(), 'watch', '--config', config];
    const bar = /engine 2\.1\.0 {2}\[#+-+\] {2}50 %/;
    const [program = '', ...args] = words;
    const feed = await watched(program, args, bar, (child) => void child.kill('SIGINT'));
    assert.is(feed.exitCode, 0);
    assert.not.match(feed.text, '\u001b');
    // Without `exec` the same Ctrl-C would end the shell, because dash does not exec by itself.
    const typed = ['-qfec', `exec ${words.join(' ')}`, '/dev/null'];
    const interrupt = (child: ReturnType<typeof spawn>) => void child.stdin?.write('\u0003');
    const screen = await watched('script', typed, bar, interrupt);
    assert.is(screen.exitCode, 0);
    assert.match(screen.text, '\u001b[2K');
    isHeld = false;
    await vehicle.reported(one);
  });
});

test.run();
