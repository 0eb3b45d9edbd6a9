// Tests the command line: the test passes argument lists and compares exit code, stdout and stderr
// exactly.
import { commands } from '../../../src/commands/cli.ts';
import { exitCodes } from '../../../src/commands/ports.ts';
import { readSettings } from '../../../src/config.ts';
import { assert, suite } from '../../support/suite.ts';
import { receiving, statusOf } from '../../support/control.ts';
import { createWorld, startFakeDaemon, usualSocket } from './fakes.ts';
import type { Settings } from '../../../src/settings.ts';
import type { Status } from '../../../src/core/status.ts';

const test = suite('commands');

const usual = '/etc/sota-agent/config.toml';
const down =
  'the daemon is not running (no listener at /run/sota-agent/control.sock): ' +
  'start it with "systemctl start sota-agent" or "sota-agent run"\n';

test('keeps the documented exit codes', () => {
  assert.equal(exitCodes, { done: 0, failed: 1, usage: 2, unreachable: 3 });
});

// ---------------------------------------------------------------- the command line

test('prints the version, however it is asked', async () => {
  for (const argv of [['version'], ['--version'], ['-V'], ['version', '--config', '/none']]) {
    const world = createWorld({ files: { [usual]: 'broken' } });
    assert.is(await world.run(...argv), 0);
    assert.equal(world.shown, { out: 'sota-agent 0.1.0\n', err: '' });
  }
});

const usage = `sota-agent 0.1.0: receives, verifies and installs software over RVI SOTA

usage: sota-agent COMMAND [--config FILE]

  run                     run the daemon
  status [--json]         print transfers, installs, reports and the connection
  watch                   print live progress until Ctrl-C
  why [NAME]              print what each package waits for, and the next step
  accept NAME [VERSION]   accept a package that waits for consent
  decline NAME [VERSION]  decline a package that waits or is being received
  inventory               print the installed packages as the server receives them
  renew-path              make a new secret path for deliveries and register it
  config                  check the configuration and print the effective values
  version                 print the version of this file; "status" prints that of the daemon
  help [COMMAND]          print this help, or the help of one command

The configuration is FILE, or /etc/sota-agent/config.toml. The environment variable
SOTA_AGENT_<SECTION>_<KEY> overrides a key; "sota-agent config" prints all keys.
Exit codes: 0 success, 1 failure, 2 wrong usage or configuration, 3 daemon not reachable.
`;

test('prints its usage, however it is asked', async () => {
  for (const argv of [['help'], ['--help'], ['-h'], ['help', 'version'], ['help', '--json']]) {
    const world = createWorld();
    assert.is(await world.run(...argv), 0);
    assert.equal(world.shown, { out: usage, err: '' });
  }
});

test('prints help for each command, which fits a terminal', async () => {
  for (const name of commands.keys()) {
    const world = createWorld();
    assert.is(await world.run('help', name), 0);
    const other = createWorld();
    assert.is(await other.run(name, '--help'), 0);
    assert.equal(other.shown, world.shown);
    assert.ok(world.shown.out.startsWith(`usage: sota-agent ${name}`));
    assert.ok(world.shown.out.split('\n').every((line) => line.length <= 80));
  }
  const world = createWorld();
  await world.run('accept', '-h');
  assert.is(
    world.shown.out,
    'usage: sota-agent accept NAME [VERSION] [--config FILE]\n\n' +
      'accept: accept a package that waits for consent\n' +
      'Packages wait if policy.consent is "required", or if the server requires it.\n' +
      'A package that failed installer.max_attempts times gets one more series.\n',
  );
});

test('runs a command by its former name, with a warning', async () => {
  const world = createWorld();
  await startFakeDaemon(world, statusOf(), {
    inventory: async () => ({ ok: true, packages: [{ name: 'vim', version: '9' }] }),
  });
  assert.is(await world.run('packages'), 0);
  const warning = 'warning: "packages" is a deprecated name of this command: use "inventory"\n';
  assert.equal(world.shown, { out: 'vim 9\n', err: warning });
  const help = createWorld();
  assert.is(await help.run('help', 'packages'), 0);
  assert.match(help.shown.out, /^usage: sota-agent inventory [^]*"packages" is a deprecated name/);
});

// ---------------------------------------------------------------- configuration

test('runs the daemon with the defaults where there is no file', async () => {
  const given: Settings[] = [];
  const world = createWorld({
    startDaemon: async (settings) => {
      given.push(settings);
      return 7;
    },
  });
  assert.is(await world.run('run'), 7);
  const defaults = readSettings({ file: usual, text: undefined, environment: {} });
  assert.ok(defaults.ok);
  assert.equal(given, [defaults.settings]);
  assert.is(world.shown.out, '');
  assert.match(world.shown.err, /^warning: default: installer\.enabled lists no installer.*\n$/);
});

/** A configuration without a warning. */
const signed = '[installer.swupdate]\nargs = ["-k", "/key"]';

test('runs the daemon with the file, the environment and its warnings', async () => {
  const given: Settings[] = [];
  const world = createWorld({
    files: { '/my.toml': `[rvi]\nstall_timeout = 45\n[log]\nlevel = "warn"\n${signed}` },
    environment: { SOTA_AGENT_LOG_LEVEL: 'error', NODE_OPTIONS: '-r /tmp/x.js' },
    startDaemon: async (settings) => {
      given.push(settings);
      return 0;
    },
  });
  assert.is(await world.run('run', '--config=/my.toml'), 0);
  assert.is(given[0]?.log.level, 'error');
  assert.is(given[0]?.rvi.stallTimeoutMs, 45_000);
  assert.is(
    world.shown.err,
    'warning: /my.toml:2: rvi.stall_timeout is not below 30 s, after which servers repeat the ' +
      'last chunk on their own: set it to 10: a lost ack then costs less time\n' +
      'warning: NODE_OPTIONS is set, which can make Node load other code: unset it\n',
  );
});

test('warns in `config` of a key that others may use', async () => {
  for (const [path, said] of [
    ['/open', true],
    ['/shut', false],
    ['/none', false],
  ] as const) {
    const tls = `tls_cert = "/cert"\ntls_key = "${path}"`;
    const text = `[rvi]\nurl = "https://h"\nnetwork_address = "http://h"\n${tls}\n${signed}`;
    const world = createWorld({ files: { '/c': text, '/open': 'key', '/shut': 'key' } });
    assert.is(await world.run('config', '--config=/c'), 0);
    const warning =
      'warning: /c:5: rvi.tls_key /open has mode 0644: users other than its owner have access: ' +
      'chmod 600 /open\n';
    assert.is(world.shown.err, said ? warning : '');
  }
});

for (const command of ['config', 'run'] as const) {
  test(`warns in \`${command}\` of a work folder where nothing may be executed`, async () => {
    const asked: string[] = [];
    const warned = async (text: string, options: readonly string[]) => {
      const mountOptions = (path: string) => {
        asked.push(path);
        return options;
      };
      const world = createWorld({ files: { '/c': text, '/open': '' }, mountOptions });
      assert.is(await world.run(command, '--config=/c'), 0);
      return world.shown.err;
    };
    const storage = `[storage]\ndir = "/data/sota"\n${signed}`;
    const found = await warned(storage, ['rw', 'noexec']);
    assert.match(found, /c:2: storage\.dir \/data\/sota is on .* noexec.*set installer\.work_dir/);
    assert.is(await warned(storage, ['rw', 'nodev']), '');
    const moved = `[installer]\nwork_dir = "/data/tmp"\n${storage}`;
    assert.match(await warned(moved, ['noexec']), /c:2: installer\.work_dir \/data\/tmp is on/);
    assert.equal([...new Set(asked)], ['/data/sota', '/data/tmp']);
    // The warning concerns SWUpdate only.
    const opkg = '[installer]\nenabled = ["opkg"]\n[storage]\ndir = "/data/sota"';
    assert.not.match(await warned(opkg, ['noexec']), /noexec/);
  });
}

for (const command of ['config', 'run'] as const) {
  test(`warns in \`${command}\` of a storage.dir that forgets`, async () => {
    const asked: string[] = [];
    const storageLoss = (path: string) => {
      asked.push(path);
      return 'is on tmpfs, which is empty after a reboot';
    };
    const text = `[storage]\ndir = "/run/x"\n${signed}`;
    const world = createWorld({ files: { '/c': text }, storageLoss });
    assert.is(await world.run(command, '--config=/c'), 0);
    assert.is(
      world.shown.err,
      'warning: /c:2: storage.dir /run/x is on tmpfs, which is empty after a reboot: ' +
        'set it to a directory that keeps its files\n',
    );
    assert.equal(asked, ['/run/x']);
  });
}

test('refuses in `config` what the start refuses, and prints it all the same', async () => {
  const reason = '/boot/x is on a FAT file system';
  const checkFileSystem = async () => ({ ok: false, code: 'ENOTSUP', reason }) as const;
  const text = `[storage]\ndir = "/boot/x"\n${signed}`;
  const world = createWorld({ files: { '/c': text }, checkFileSystem });
  assert.is(await world.run('config', '--config=/c'), 2);
  assert.is(world.shown.err, `/c:2: storage.dir is rejected at the start: ${reason}\n`);
  assert.match(world.shown.out, /^dir = "\/boot\/x"/m);
});

test('ends every command on a bad configuration, with every complaint', async () => {
  const files = { [usual]: '[rvi]\nstal = 1\nack = "x"' };
  for (const name of commands.keys()) {
    let isStarted = false;
    const startDaemon = async () => ((isStarted = true), 0);
    const world = createWorld({ files, startDaemon });
    const words = ['accept', 'decline'].includes(name) ? ['a'] : [];
    assert.is(await world.run(name, ...words), 2);
    assert.equal(world.shown, {
      out: '',
      err:
        `${usual}:2: rvi.stal is not a known key: did you mean rvi.stall_timeout?\n` +
        `${usual}:3: rvi.ack is "x": write "auto", "full" or "tail"\n`,
    });
    assert.not(isStarted);
  }
});

const unreadable: readonly (readonly [string, string | Uint8Array | undefined, string])[] = [
  ['/none', undefined, '/none: cannot be read (ENOENT: /none): name another file with --config\n'],
  ['/etc', '!EISDIR', '/etc: cannot be read (EISDIR: /etc): name a file, not a directory\n'],
  ['/a/b', '!ENOTDIR', '/a/b: cannot be read (ENOTDIR: /a/b): name another file with --config\n'],
  ['/secret', '!EACCES', '/secret: cannot be read (EACCES: /secret): make it readable\n'],
  ['/bytes', Uint8Array.of(0xff), '/bytes: is not UTF-8: save it as UTF-8\n'],
  [
    '/big',
    ' '.repeat(262_145),
    '/big: has more than 262144 bytes: name another file with --config\n',
  ],
];

for (const [file, content, said] of unreadable) {
  test(`refuses --config ${file}`, async () => {
    const world = createWorld({ files: content === undefined ? {} : { [file]: content } });
    assert.is(await world.run('config', '--config', file), 2);
    assert.equal(world.shown, { out: '', err: said });
  });
}

test('refuses a usual file that is there and cannot be read', async () => {
  const world = createWorld({ files: { [usual]: '!EACCES' } });
  assert.is(await world.run('config'), 2);
  assert.is(world.shown.err, `${usual}: cannot be read (EACCES: ${usual}): make it readable\n`);
});

test('prints the effective configuration', async () => {
  const world = createWorld({
    files: { [usual]: '[rvi]\nurl = "http://10.0.0.2:8901"' },
    environment: { SOTA_AGENT_LOG_FORMAT: 'json' },
  });
  assert.is(await world.run('config'), 0);
  const lines = world.shown.out.split('\n');
  assert.is(lines[0], '# Effective configuration of sota-agent 0.1.0');
  assert.ok(lines.includes(`url = "http://10.0.0.2:8901"                 # ${usual}:2`));
  assert.ok(lines.includes('dir = "/var/lib/sota-agent"                  # default'));
  assert.ok(
    lines.includes(
      'format = "json"                              # environment SOTA_AGENT_LOG_FORMAT',
    ),
  );
  assert.match(world.shown.err, /^warning: default: rvi\.listen is on loopback/);
});

// ---------------------------------------------------------------- status

const rich: Status = statusOf({
  backend: {
    ...statusOf().backend,
    learned: { afterStart: 'empty', resume: 'full', ack: undefined },
  },
  packages: [
    receiving(12),
    {
      ...receiving(3, 3, 'rootfs-\u202eevil'),
      phase: 'installing',
      installPercent: 40,
      waitsFor: 'the installer',
      next: 'it is stopped',
      nextInMs: undefined,
    },
  ],
  reports: [
    {
      id: { name: 'old', version: '1' },
      status: false,
      description: 'opkg said no',
      attempts: 3,
      nextInMs: 61_000,
    },
  ],
  history: [
    {
      id: { name: 'older', version: '1' },
      checksum: 'c',
      outcome: 'installed',
      attempts: 1,
      description: '',
    },
  ],
  recovered: ['engine 2.1: 12 of 40 chunks were on flash'],
  storageError: 'the disk is full',
});

const richText = `agent    1.2.3, up 1 h 2 min
vehicle  V1
link     up: http://127.0.0.1:8901
backend  b/sota/start (from notify)
learned  after a start: empty, to resume: full
storage  the disk is full

packages
  engine             2.1  receiving   12/40 chunks, 30 %, 768.0 KiB  the list is sent again, in 8 s
  rootfs-\\u202eevil  2.1  installing  40 % installed                 it is stopped

reports to confirm
  old  1  failed  sent 3 times, in 1 min 1 s  opkg said no

history
  older  1  installed  1 attempt

recovered after the last power loss
  engine 2.1: 12 of 40 chunks were on flash
`;

test('shows the status of the daemon', async () => {
  const world = createWorld();
  await startFakeDaemon(world, rich);
  assert.is(await world.run('status'), 0);
  assert.equal(world.shown, { out: richText, err: '' });
});

test('gives scripts the same as JSON', async () => {
  const world = createWorld();
  await startFakeDaemon(world, rich);
  assert.is(await world.run('status', '--json'), 0);
  assert.equal(JSON.parse(world.shown.out), JSON.parse(JSON.stringify(rich)));
  assert.not(world.shown.out.includes('\u202e'));
});

test('reads flash where the daemon is down, and says so', async () => {
  const flash = statusOf({ agent: { version: '1.2.3', uptimeMs: 0, source: 'flash' } });
  const seen: string[] = [];
  const world = createWorld({
    readFlash: async (settings) => {
      seen.push(settings.storage.directory);
      return { ok: true, value: flash };
    },
    environment: { SOTA_AGENT_STORAGE_DIR: '/data' },
  });
  assert.is(await world.run('status'), 0);
  assert.equal(seen, ['/data']);
  const [first] = world.shown.out.split('\n');
  assert.is(first, 'agent    1.2.3; the daemon is not running, this is its state on flash');
  assert.is(await world.run('why'), 0);
});

test('ends with 3 where there is neither daemon nor flash', async () => {
  for (const name of ['status', 'why', 'inventory', 'watch']) {
    const world = createWorld();
    assert.is(await world.run(name), 3);
    assert.equal(world.shown, { out: '', err: down });
  }
  for (const name of ['accept', 'decline']) {
    const world = createWorld({ readFlash: async () => ({ ok: true, value: statusOf() }) });
    assert.is(await world.run(name, 'a'), 3);
    assert.equal(world.shown, { out: '', err: down });
  }
});

test('does not take flash for the truth where it may not ask', async () => {
  const world = createWorld({ readFlash: async () => ({ ok: true, value: statusOf() }) });
  world.sockets.refuse({ ok: false, code: 'EACCES', reason: 'permission denied' });
  assert.is(await world.run('status'), 3);
  assert.equal(world.shown, {
    out: '',
    err: 'no permission to use /run/sota-agent/control.sock: run this command as root\n',
  });
  world.sockets.refuse({ ok: false, code: 'EMFILE', reason: 'too many open files' });
  world.shown.err = '';
  assert.is(await world.run('status'), 3);
  assert.is(
    world.shown.err,
    'the daemon at /run/sota-agent/control.sock cannot be reached: too many open files\n',
  );
});

test('finds the socket through the configuration', async () => {
  const world = createWorld({ files: { '/c': '[control]\nsocket = "/tmp/s"' } });
  await startFakeDaemon(world, statusOf(), {}, '/tmp/s');
  assert.is(await world.run('status', '--config', '/c'), 0);
  assert.is(await world.run('status'), 3);
});

test('tells of a daemon that goes away before it answers', async () => {
  const world = createWorld();
  await world.sockets.listen(usualSocket, (stream) => ({
    onData: () => stream.close(),
    onClosed: () => undefined,
  }));
  assert.is(await world.run('inventory'), 3);
  assert.is(
    world.shown.err,
    'the connection to the daemon at /run/sota-agent/control.sock ended: closed\n',
  );
});

test('tells of a daemon of another version', async () => {
  for (const [name, line] of [
    ['status', '{"ok":true,"text":"hello"}'],
    ['inventory', '{"ok":true,"text":"hello"}'],
    ['accept', '{"ok":true,"packages":[]}'],
    ['inventory', '{"ok":false,"code":"bad-request","reason":"wanted: command"}'],
  ] as const) {
    const world = createWorld();
    await world.sockets.listen(usualSocket, (stream) => ({
      onData: () => void stream.write(Buffer.from(`${line}\n`)),
      onClosed: () => undefined,
    }));
    assert.is(await world.run(name, ...(name === 'accept' ? ['a'] : [])), 1);
    assert.is(world.shown.err, 'daemon and command-line versions differ: restart the daemon\n');
  }
});

// ---------------------------------------------------------------- why

test('tells why of everything', async () => {
  const world = createWorld();
  await startFakeDaemon(world, rich);
  assert.is(await world.run('why'), 0);
  const [, rest] = world.shown.out.split('\n\n', 2);
  assert.is(
    rest,
    `engine 2.1: receiving, 12/40 chunks, 30 %, 768.0 KiB
  waits for: the next chunk
  next: the list is sent again, in 8 s
rootfs-\\u202eevil 2.1: installing, 40 % installed
  waits for: the installer
  next: it is stopped (no timer)
old 1: report not confirmed (failed: opkg said no)
  sent 3 times; next: sent again, in 1 min 1 s, until the server confirms it`,
  );
  assert.match(
    world.shown.out,
    /\n\nRecovered after the last power loss:\n {2}engine 2\.1: 12 of 40/,
  );
});

test('tells in words what was learnt of the servers', async () => {
  const learned = { afterStart: 'empty', resume: 'full', ack: 'single' };
  const none = { afterStart: undefined, resume: undefined, ack: undefined };
  const world = createWorld();
  await startFakeDaemon(
    world,
    statusOf({
      backend: { ...statusOf().backend, messages: 'P3', learned },
      previousServers: [
        { start: 'old/sota/start', messages: 'P1', keepAlive: false, learned: none },
        { start: 'x/sota/start', messages: undefined, keepAlive: true, learned: none },
      ],
    }),
  );
  assert.is(await world.run('why'), 0);
  assert.ok(
    world.shown.out.endsWith(`
Learned from the server at b/sota/start:
  server dialect: P3
  after a repeated start, it resumes on an empty ack
  after a stall, it resumes on a list of all stored chunks
  each ack lists only the last chunk
  it may abandon an install after a minute, so the agent sends progress acks
Learned from the previous server at old/sota/start:
  server dialect: P1
  it has no install timeout, so the agent sends nothing while an install runs
`),
    world.shown.out,
  );
});

test('tells why of one package, past attempts included', async () => {
  const world = createWorld();
  await startFakeDaemon(world, rich);
  assert.is(await world.run('why', 'older'), 0);
  assert.is(world.shown.out, 'older 1: installed after 1 attempt\n');
  assert.is(await world.run('why', 'old'), 0);
  assert.match(world.shown.out, /old 1: report not confirmed/);
});

test('prints what was recovered of the given package, and of no other', async () => {
  const world = createWorld();
  const recovered = [
    'engines 2.1: 1 of 2 chunks stored',
    'engine 2.1: 12 stored',
    'older 1: installed',
  ];
  await startFakeDaemon(world, { ...rich, recovered });
  assert.is(await world.run('why', 'engine'), 0);
  assert.match(
    world.shown.out,
    /\n\nRecovered after the last power loss:\n {2}engine 2\.1: 12 stored\n$/,
  );
  assert.not.match(world.shown.out, /engines|older/);
  await world.run('why', 'older');
  assert.ok(
    world.shown.out.endsWith('\n\nRecovered after the last power loss:\n  older 1: installed\n'),
  );
});

test('tells that there is nothing to do', async () => {
  const world = createWorld();
  await startFakeDaemon(world);
  assert.is(await world.run('why'), 0);
  assert.match(
    world.shown.out,
    /\nNothing to do: no package is offered, in progress or unreported/,
  );
  assert.is(await world.run('why', 'engine'), 1);
  assert.is(world.shown.err, 'no package has the name engine: there are no packages\n');
});

test('names the packages that are known, where the one asked for is not', async () => {
  const world = createWorld();
  await startFakeDaemon(world, rich);
  assert.is(await world.run('why', 'engin'), 1);
  assert.equal(world.shown, {
    out: '',
    err: 'no package has the name engin: the packages are engine, rootfs-\\u202eevil\n',
  });
});

// ---------------------------------------------------------------- accept, decline, packages

test('passes on consent', async () => {
  const world = createWorld();
  await startFakeDaemon(world);
  assert.is(await world.run('accept', 'engine'), 0);
  assert.is(await world.run('decline', 'engine', '2.1'), 0);
  assert.is(await world.run('decline', '--', '--odd'), 0);
  assert.is(world.shown.out, 'accepted engine -\ndeclined engine 2.1\ndeclined --odd -\n');
});

test('ends with 1 where the agent refuses', async () => {
  const world = createWorld();
  const refuse = async () =>
    ({ ok: false, code: 'unknown-package', reason: 'nothing waits' }) as const;
  await startFakeDaemon(world, statusOf(), { accept: refuse, inventory: refuse });
  assert.is(await world.run('accept', 'engine'), 1);
  assert.is(await world.run('inventory'), 1);
  assert.equal(world.shown, {
    out: '',
    err: 'nothing waits (unknown-package)\nnothing waits (unknown-package)\n',
  });
});

test('lists packages, a line each', async () => {
  const world = createWorld();
  await startFakeDaemon(world, statusOf(), {
    inventory: async () => ({
      ok: true,
      packages: [
        { name: 'vim', version: '9.1' },
        { name: 'bell\u0007', version: '1' },
      ],
    }),
  });
  assert.is(await world.run('inventory'), 0);
  assert.is(world.shown.out, 'vim 9.1\nbell\\u0007 1\n');
});

test.run();
