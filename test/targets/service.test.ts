// Tests the files that start the agent on a device, with the tools of systemd and with shellcheck.
// The init script of sysvinit really runs, with a fake agent.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { until } from '../support/idle.ts';

const test = suite('the service files');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-files-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const unit = readFileSync('targets/systemd/sota-agent.service', 'utf8');
const dropIn = readFileSync('targets/systemd/unprivileged.conf', 'utf8');
const hasSystemd = hasProgram('systemd-analyze');
const needsSystemd = test.needs('systemd-analyze', hasSystemd);

function say(program: string, args: readonly string[]) {
  const ran = spawnSync(program, args, { encoding: 'utf8' });
  return { code: ran.status, text: `${ran.stdout}${ran.stderr}` };
}

/**
 * Older versions of systemd do not support growing delays and report the keys; this is expected.
 */
const known = /Unknown key(?: name)? '(RestartSteps|RestartMaxDelaySec)'/;

/** The unit with a program that exists, and a drop-in if given. */
function complaintsOf(text: string, more = ''): readonly string[] {
  const path = join(directory, 'sota-agent.service');
  const runnable = text.replace('/usr/bin/sota-agent', '/bin/true');
  writeFileSync(path, runnable.replace(/^Documentation=.*/m, ''));
  if (more !== '') {
    mkdirSync(`${path}.d`);
    writeFileSync(join(`${path}.d`, 'x.conf'), more.replaceAll('=sota-agent', '=daemon'));
  }
  const { text: said } = say('systemd-analyze', ['verify', path]);
  return said.split('\n').filter((line) => line.includes(directory) && !known.test(line));
}

needsSystemd('systemd has nothing to say against the unit, alone and with the drop-in', () => {
  assert.equal(complaintsOf(unit), []);
  assert.equal(complaintsOf(unit, dropIn), []);
});

needsSystemd('systemd would say what is wrong', () => {
  assert.is(complaintsOf(unit.replace('WatchdogSec=5min', 'WatchdogSec=often')).length > 0, true);
});

needsSystemd('the unit is not much exposed, and hardly at all without the rights of root', () => {
  const exposure = (text: string) => {
    const path = join(directory, 'sota-agent.service');
    writeFileSync(path, text);
    const { text: said } = say('systemd-analyze', ['security', '--offline=yes', path]);
    return Number(/exposure level for \S+: ([0-9.]+)/.exec(said)?.[1]);
  };
  assert.ok(exposure(unit) < 7, `${exposure(unit)}`);
  const more = dropIn.replace(/^\[Service\]$/m, '');
  const both = unit.replace(/^CapabilityBoundingSet=CAP.*\n/gm, '').replace('[Install]', more);
  assert.ok(exposure(both) < 2.5, `${exposure(both)} with the drop-in`);
});

test('nothing that runs code of others in Node reaches it, however it is started', () => {
  const init = readFileSync('targets/init.d/sota-agent', 'utf8');
  for (const name of ['NODE_OPTIONS', 'NODE_PATH', 'LD_PRELOAD', 'OPENSSL_CONF']) {
    assert.match(unit, new RegExp(`^UnsetEnvironment=.*\\b${name}\\b`, 'm'));
    assert.match(init, new RegExp(`^unset.* ${name}\\b`, 'm'));
  }
});

test('waits for nothing that a vehicle may lack', () => {
  assert.not.match(unit, /^(Requires|BindsTo|Requisite)=|network-online/m);
  assert.match(unit, /^Restart=always$/m);
  assert.match(unit, /^StartLimitIntervalSec=0$/m);
});

test.needs('shellcheck', hasProgram('shellcheck'))('shellcheck finds the scripts sound', () => {
  const scripts = ['targets/init.d/sota-agent', 'targets/init.d/sota-agent.procd'];
  assert.equal(say('shellcheck', ['-s', 'sh', ...scripts]), { code: 0, text: '' });
  const bad = join(directory, 'bad');
  writeFileSync(bad, '#!/bin/sh\nrm $1\n');
  assert.is(say('shellcheck', ['-s', 'sh', bad]).code, 1);
});

type Shell = { readonly name: string; readonly program: string; readonly isThere: boolean };

/**
 * The shells of Debian and of small images; the second one has only its own programs in its PATH.
 */
const shells: readonly Shell[] = [
  { name: 'dash', program: '/bin/dash', isThere: existsSync('/bin/dash') },
  { name: 'busybox', program: '/bin/busybox', isThere: existsSync('/bin/busybox') },
];

function pathFor({ name, program }: Shell): string {
  if (name !== 'busybox') return '/usr/sbin:/usr/bin:/sbin:/bin';
  const folder = join(directory, 'bin');
  mkdirSync(folder);
  const ran = spawnSync(program, ['--install', '-s', folder]);
  assert.is(ran.status, 0);
  return folder;
}

/** The script with its paths in the test's directory, and an agent that records what it sees. */
function script(agent: string, shell: Shell) {
  const PATH = pathFor(shell);
  const first = shell.name === 'busybox' ? `#!${PATH}/sh` : `#!${shell.program}`;
  const daemon = join(directory, 'agent');
  writeFileSync(daemon, `${first}\n${agent}\n`);
  const defaults = [
    `DAEMON=${daemon}`,
    `DAEMON_ARGS='--config ${directory}/c'`,
    `PIDFILE=${directory}/pid`,
    'DELAY_MIN_S=1',
    'DELAY_MAX_S=2',
    'export NODE_OPTIONS=x',
  ];
  writeFileSync(join(directory, 'defaults'), `${defaults.join('\n')}\n`);
  const path = join(directory, 'init');
  const text = readFileSync('targets/init.d/sota-agent', 'utf8').replace(/^#!.*/, first);
  writeFileSync(path, text.replaceAll('/etc/default/sota-agent', join(directory, 'defaults')));
  for (const file of [daemon, path]) chmodSync(file, 0o755);
  return (word: string) => {
    const ran = spawnSync(path, [word], { stdio: 'ignore', env: { PATH } });
    return ran.status;
  };
}

const seen = (name: string) => {
  const path = join(directory, name);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};

const note = () => `trap 'kill $!; echo ended >>${directory}/end; exit 0' TERM
echo "$* NODE_OPTIONS=$NODE_OPTIONS" >>${directory}/seen
sleep 300 & wait`;

for (const shell of shells) {
  const under = test.needs(shell.name, shell.isThere);

  under(`under ${shell.name} the init script starts one agent and lets it end`, async () => {
    const run = script(note(), shell);
    assert.is(run('status'), 3);
    assert.is(run('start'), 0);
    await until('the agent', () => seen('seen') !== '');
    assert.is(run('start'), 0);
    assert.is(run('status'), 0);
    assert.is(seen('seen'), `run --config ${directory}/c NODE_OPTIONS=\n`);
    assert.is(run('stop'), 0);
    assert.is(seen('end'), 'ended\n');
    assert.is(run('status'), 3);
    assert.is(run('stop'), 0);
  });

  under(`under ${shell.name} a restart ends one agent and starts another`, async () => {
    const run = script(note(), shell);
    assert.is(run('restart'), 0);
    await until('the agent', () => seen('seen') !== '');
    const first = seen('pid');
    assert.is(run('restart'), 0);
    await until('the other', () => seen('seen').split('\n').length > 2);
    assert.is(seen('end'), 'ended\n');
    assert.is.not(seen('pid'), first);
    assert.is(run('status'), 0);
    assert.is(run('stop'), 0);
    assert.is(seen('end'), 'ended\nended\n');
    assert.is(run('status'), 3);
  });

  under(`under ${shell.name} an agent that ends by itself is started again`, async () => {
    const run = script(`echo again >>${directory}/seen; exit 1`, shell);
    assert.is(run('start'), 0);
    await until('three starts', () => seen('seen').split('\n').length > 3);
    assert.is(run('stop'), 0);
    assert.is(run('status'), 3);
  });

  under(`under ${shell.name} an install by the agent does not stop it`, async () => {
    const run = script(
      `${directory}/init restart >>${directory}/seen
echo "went on" >>${directory}/seen
sleep 300 & wait`,
      shell,
    );
    assert.is(run('start'), 0);
    await until('the install', () => seen('seen').includes('went on'));
    assert.match(seen('seen'), /it keeps running until.*\nsota-agent is already running\nwent on/);
    assert.is(run('status'), 0);
    assert.is(run('stop'), 0);
    assert.is(run('status'), 3);
  });
}

test('the script for procd tells it what to run, and to start it again without end', () => {
  const stubs = `procd_open_instance() { echo open; }; procd_close_instance() { echo close; }
procd_set_param() { echo "$@"; }; mkdir() { echo "mkdir $*"; }
. targets/init.d/sota-agent.procd; start_service`;
  const unset = ['NODE_OPTIONS', 'NODE_PATH', 'LD_PRELOAD', 'OPENSSL_CONF', 'OPENSSL_MODULES'];
  const env = [...unset, 'OPENSSL_ENGINES'].map((name) => `-u ${name}`).join(' ');
  assert.equal(say('sh', ['-euc', stubs]), {
    code: 0,
    text: `mkdir -p /run/sota-agent
open
command /usr/bin/env ${env} /usr/bin/sota-agent run
respawn 3600 10 0
stderr 1
file /etc/sota-agent/config.toml
term_timeout 180
close
`,
  });
});

const hasTmpfiles = hasProgram('systemd-tmpfiles') && process.getuid?.() === 0;

test.needs('systemd-tmpfiles and root', hasTmpfiles)('systemd makes the folders', () => {
  const made = join(directory, 'root');
  mkdirSync(made);
  const file = join(process.cwd(), 'targets/tmpfiles.d/sota-agent.conf');
  const ran = say('systemd-tmpfiles', [`--root=${made}`, '--create', file]);
  assert.equal(ran, { code: 0, text: '' });
  const modeOf = (path: string) => (statSync(join(made, path)).mode & 0o777).toString(8);
  assert.is(modeOf('run/sota-agent'), '755');
  assert.is(modeOf('var/lib/sota-agent'), '700');
});

test('the init script explains itself', () => {
  for (const shell of shells) {
    if (!shell.isThere) continue;
    assert.is(script('', shell)('dance'), 2);
  }
});

test.run();
