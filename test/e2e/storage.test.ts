// Tests the built executable with a `storage.dir` of another program, and with a damaged journal:
// its messages, and the files afterwards.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { runAgentCommand, startAgent, statusOf, writeConfig } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('storage');
let directory = '';
let state = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-storage-'));
  state = join(directory, 'state');
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** No process listens on this port. */
const rvi = { url: 'http://127.0.0.1:9', listen: '127.0.0.1:0' };
const folder = join(process.env['SOTA_AGENT_ROOT'] ?? '.', 'test/fixtures/journal-0.1.0');

function looks(): readonly unknown[] {
  const names = readdirSync(state, { recursive: true }).map(String).sort();
  return ['.', ...names].map((name) => {
    const stat = lstatSync(join(state, name));
    const data = stat.isFile() ? readFileSync(join(state, name), 'latin1') : '';
    return [name, stat.mode, stat.mtimeMs, data];
  });
}

const foreign: readonly (readonly [string, () => void])[] = [
  [
    'packages of somebody else',
    () => {
      mkdirSync(join(state, 'packages/photos'), { recursive: true });
      writeFileSync(join(state, 'packages/photos/1.jpg'), 'precious');
      writeFileSync(join(state, 'notes.txt'), 'precious');
    },
  ],
  [
    'a diary',
    () => {
      mkdirSync(state);
      writeFileSync(join(state, 'journal'), 'Dear diary, today nothing was lost.\n'.repeat(100));
    },
  ],
  [
    'linked packages',
    () => {
      mkdirSync(join(directory, 'photos'));
      writeFileSync(join(directory, 'photos/7'), 'precious');
      mkdirSync(state);
      symlinkSync('../photos', join(state, 'packages'));
    },
  ],
];

for (const [what, make] of foreign) {
  test(`refuses ${what}, and changes nothing`, async () => {
    make();
    const before = looks();
    const agent = startAgent(writeConfig(directory, { rvi }));
    assert.is(await agent.ended, 1);
    assert.match(agent.log(), /error startup-failed .*does not belong to sota-agent/);
    assert.equal(looks(), before);
    assert.equal(runAgentCommand(join(directory, 'config.toml'), 'status').exitCode === 0, false);
    assert.equal(looks(), before);
  });
}

type Planted = readonly [what: string, plant: (outside: string) => void, said: RegExp];

/** This journal has an open transfer. */
const ourJournal = () => readFileSync(join(folder, 'transfer-open.journal'));
const inState = (name: string) => join(state, name);
const pipe = (name: string) => void spawnSync('mkfifo', [inState(name)]);

/**
 * What an attacker with write permission to storage.dir could create next to the agent's journal.
 */
const planted: readonly Planted[] = [
  ...['journal', 'journal.new', 'journal.damaged', 'delivery-path', 'packages'].flatMap((name) => {
    const said = new RegExp(`"${name}" in it is not a `);
    const links: readonly Planted[] = [
      [`a link as ${name}`, (outside) => symlinkSync(outside, inState(name)), said],
      [`a pipe as ${name}`, () => pipe(name), said],
    ];
    return links;
  }),
  [
    'a hard link as journal',
    (outside) => linkSync(outside, inState('journal')),
    /another hard link/,
  ],
  [
    'a link as packages/1',
    () => {
      mkdirSync(inState('packages'));
      mkdirSync(join(directory, 'elsewhere'));
      symlinkSync(join(directory, 'elsewhere'), inState('packages/1'));
    },
    /packages\/1 is not a directory/,
  ],
  [
    'a link as data',
    (outside) => {
      mkdirSync(inState('packages/1'), { recursive: true });
      symlinkSync(outside, inState('packages/1/data'));
    },
    /data is a symbolic link/,
  ],
  [
    'a hard link as data',
    (outside) => {
      mkdirSync(inState('packages/1'), { recursive: true });
      linkSync(outside, inState('packages/1/data'));
    },
    /data has another hard link/,
  ],
  [
    'a pipe as data',
    () => {
      mkdirSync(inState('packages/1'), { recursive: true });
      pipe('packages/1/data');
    },
    /data is not a regular file/,
  ],
];

for (const [what, plant, said] of planted) {
  test(`does not follow, read or change ${what}`, async () => {
    const outside = join(directory, 'outside');
    mkdirSync(state, { mode: 0o700 });
    writeFileSync(outside, ourJournal());
    plant(outside);
    if (!existsSync(inState('journal')) && !/journal$/.test(what)) {
      writeFileSync(inState('journal'), ourJournal());
    }
    const agent = startAgent(writeConfig(directory, { rvi }));
    assert.is(await agent.ended, 1);
    assert.match(agent.log(), /error startup-failed /);
    assert.match(agent.log().replaceAll('\\', ''), said);
    assert.equal(readFileSync(outside), ourJournal());
  });
}

for (const [what, plant] of planted.filter(([name]) => / as journal$/.test(name))) {
  test(`status does not read ${what}`, () => {
    const outside = join(directory, 'outside');
    mkdirSync(state, { mode: 0o700 });
    writeFileSync(outside, ourJournal());
    plant(outside);
    const asked = runAgentCommand(writeConfig(directory, { rvi }), 'status');
    assert.is(asked.exitCode, 1);
    assert.is(asked.out, '');
    assert.match(
      asked.err,
      /^the daemon is not running, and \S+journal (is|has) .*storage\.dir\n$/,
    );
    assert.equal(readFileSync(outside), ourJournal());
  });
}

const ofRoot = test.needs('root, who can give a file away', process.getuid?.() === 0);

ofRoot('warns of a storage.dir of another user', async () => {
  mkdirSync(state, { mode: 0o700 });
  chownSync(state, 12345, 12345);
  const agent = startAgent(writeConfig(directory, { rvi }));
  await agent.logged(/ started /);
  assert.match(agent.log(), /warn storage-permissions .*mode="?0700"? owner=12345 /);
  assert.is(await agent.kill(), 0);
});

test('starts with a damaged journal of 0.1.0, owes its report, and keeps the file', async () => {
  const journal = readFileSync(join(folder, 'report-owed.journal'));
  for (const at of [12, 40, 90]) {
    rmSync(state, { recursive: true, force: true });
    mkdirSync(state, { mode: 0o755 });
    chmodSync(state, 0o755);
    const damaged = Buffer.from(journal);
    damaged[at] = (damaged[at] ?? 0) ^ 0xff;
    writeFileSync(join(state, 'journal'), damaged);
    const config = writeConfig(directory, { rvi });
    const agent = startAgent(config);
    await agent.logged(/ started /);
    const line = /error journal-corrupt at="?\d+\+\d+"? lost=1 kept=\S*journal\.damaged/;
    assert.match(agent.log(), line);
    assert.match(agent.log(), /warn storage-permissions .*mode="?0755/);
    assert.equal(
      statusOf(config).packages.map(({ phase }) => phase),
      ['reporting'],
    );
    assert.equal(await agent.kill(), 0);
    assert.equal(readFileSync(join(state, 'journal.damaged')), damaged);
    assert.is(statSync(state).mode & 0o777, 0o755);
  }
});

/** The tmpfs of most Linux systems. */
const memory = '/dev/shm';
const isMemory = existsSync(memory) && statfsSync(memory).type === 0x01021994;

const withMemory = test.needs('tmpfs at /dev/shm', isMemory);

withMemory('warns of a storage.dir on tmpfs, and runs', async () => {
  const own = mkdtempSync(join(memory, 'sota-storage-'));
  try {
    symlinkSync(own, join(directory, 'link'));
    for (const dir of [join(own, 'a'), join(directory, 'link/deep/b')]) {
      const config = writeConfig(directory, { rvi, storage: { dir } });
      const expected = new RegExp(
        `warning: .*storage\\.dir ${dir} is on tmpfs, which is empty after a reboot`,
      );
      const checked = runAgentCommand(config, 'config');
      assert.is(checked.exitCode, 0);
      assert.match(checked.err, expected);
      const agent = startAgent(config);
      await agent.logged(/ started /);
      assert.match(agent.log(), expected);
      assert.is(await agent.kill('SIGTERM'), 0);
    }
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
});

test('refuses a storage.dir of the kernel at the start and in `config`', async () => {
  symlinkSync('/proc/self', join(directory, 'link'));
  for (const [dir, reason, code] of [
    ['/', /storage\.dir is \/, the root directory/, 2],
    ['/proc/self', /storage\.dir is \/proc\/self: \/proc belongs to the kernel/, 2],
    ['/sys/x', /storage\.dir is \/sys\/x: \/sys belongs to the kernel/, 2],
    [join(directory, 'link/x'), /link\/x: \/proc belongs to the kernel/, 2],
  ] as const) {
    const config = writeConfig(directory, { rvi, storage: { dir } });
    const checked = runAgentCommand(config, 'config');
    assert.is(checked.exitCode, 2, dir);
    assert.match(checked.err, reason);
    const agent = startAgent(config);
    assert.is(await agent.ended, code, dir);
    assert.match(agent.log(), reason);
  }
});

test('refuses a socket at a name of the store, also by links, and touches nothing', async () => {
  const real = join(directory, 'real');
  mkdirSync(join(real, 'packages'), { recursive: true });
  symlinkSync(real, state);
  for (const [dir, socket] of [
    [state, join(state, 'packages/1')],
    [state, join(real, 'lock')],
    [real, join(state, 'packages/x/1')],
    [join(state, 'new/deep'), join(real, 'new/deep/journal.new')],
  ] as const) {
    const config = writeConfig(directory, { rvi, storage: { dir }, control: { socket } });
    const expected = new RegExp(`control\\.socket is ${socket}, which is a file of the agent`);
    for (const ran of [runAgentCommand(config, 'config'), runAgentCommand(config, 'run')]) {
      assert.is(ran.exitCode, 2, socket);
      assert.match(ran.err, expected);
    }
    assert.equal(readdirSync(real), ['packages']);
    assert.equal(readdirSync(join(real, 'packages')), []);
  }
});

test('refuses an rvi.url that is an address of this device at its own port', () => {
  for (const host of [hostname(), ...addresses()]) {
    const own = { url: `http://${host}:9080`, listen: '0.0.0.0:9080', allowed_peers: ['10.0.0.1'] };
    const config = writeConfig(directory, {
      rvi: { ...own, network_address: 'http://device.test:9080' },
    });
    for (const ran of [runAgentCommand(config, 'config'), runAgentCommand(config, 'run')]) {
      assert.is(ran.exitCode, 2, host);
      assert.match(ran.err, /rvi\.url is http:.*the agent's own rvi\.listen/);
    }
  }
});

const addresses = () =>
  Object.values(networkInterfaces()).flatMap((all = []) =>
    all.filter(({ family }) => family === 'IPv4').map(({ address }) => address),
  );

test.run();
