// Method: the scripts that make what is handed out really run, into folders of the test's own; what
// they wrote is read back as its users read it.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { commands } from '../../src/commands/cli.ts';
import { exitCodes } from '../../src/commands/ports.ts';
import { readSettings } from '../../src/config.ts';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { cache, copyTree } from './tree.ts';

const test = suite('what is handed out');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-release-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const said = `sota-agent ${version}`;
const read = (path: string) => readFileSync(join(directory, path), 'utf8');
const hash = (path: string, how: string) =>
  createHash(how)
    .update(readFileSync(join(directory, path)))
    .digest('hex');

// ---------------------------------------------------------------- configuration and manual

const configuration = readFileSync('targets/config/config.toml', 'utf8');

function entriesOf(text: string) {
  const found = readSettings({ file: 'config.toml', text, environment: {} });
  if (!found.ok) throw new Error(JSON.stringify(found.complaints));
  return new Map(found.entries.map(({ key, value }) => [key, value]));
}

test('the configuration as it comes changes nothing', () => {
  assert.equal([...entriesOf(configuration)], [...entriesOf('')]);
});

test('the configuration shows defaults, and examples only of what has none', () => {
  const shown = configuration.replace(/^#(?=[a-z_]+ = )/gm, '').replace(/^tls_.*/gm, '');
  const entries = entriesOf(shown.replace(/^program = ""$/m, 'program = "x"'));
  const defaults = entriesOf('');
  const others = [...entries].filter(([key, value]) => {
    return JSON.stringify(value) !== JSON.stringify(defaults.get(key));
  });
  const examples = ['device.vin', 'installer.command.program', 'control.group'];
  assert.equal(
    others.map(([key]) => key),
    examples,
  );
});

test.needs('mandoc', hasProgram('mandoc'))('the manual is well formed', () => {
  const lint = (path: string) => {
    const said = spawnSync('mandoc', ['-Tlint', path], { encoding: 'utf8' });
    // That depends on what else is installed.
    const others = /outdated mandoc.db|referenced manual not found/;
    return said.stdout.split('\n').filter((line) => line !== '' && !others.test(line));
  };
  assert.equal(lint('targets/man/sota-agent.1'), []);
  writeFileSync(join(directory, 'bad.1'), '.Dd x\n.Dt X 1\n.Os\n.Sh NAME\n.Bl\n');
  assert.ok(lint(join(directory, 'bad.1')).length > 0);
});

test('the manual knows every command and exit code', () => {
  const manual = readFileSync('targets/man/sota-agent.1', 'utf8');
  for (const name of commands.keys()) assert.match(manual, new RegExp(`^\\.It Cm ${name}\\b`, 'm'));
  const codes = [...manual.matchAll(/^\.It (\d)$/gm)].map(([, code]) => code);
  assert.equal(codes, Object.values(exitCodes).map(String));
});

// ---------------------------------------------------------------- make install

function install(...settings: readonly string[]): string {
  const args = ['-s', 'install', `DESTDIR=${directory}`, ...settings];
  execFileSync('make', args, { stdio: 'pipe' });
  const each = ['.', '-type', 'f', '-printf', '%m %P\\n'];
  const found = execFileSync('find', each, { cwd: directory });
  return found.toString().trim().split('\n').sort().join('\n');
}

const isBuilt = existsSync('build/linux-x64/sota-agent');
const needsBuild = test.needs('make build', isBuilt);

needsBuild('make install puts all in its place', () => {
  assert.is(
    install('PREFIX=/usr'),
    `644 etc/sota-agent/config.toml
644 usr/lib/systemd/system/sota-agent.service
644 usr/share/doc/sota-agent/LICENSE
644 usr/share/doc/sota-agent/README.md
644 usr/share/doc/sota-agent/config.toml
644 usr/share/doc/sota-agent/unprivileged.conf
644 usr/share/man/man1/sota-agent.1
755 usr/bin/sota-agent`,
  );
  const program = join(directory, 'usr/bin/sota-agent');
  assert.is(execFileSync(program, ['version'], { encoding: 'utf8' }).trim(), said);
});

needsBuild('make install leaves a configuration as it is', () => {
  install();
  const path = join(directory, 'etc/sota-agent/config.toml');
  writeFileSync(path, '# mine\n');
  install();
  assert.is(readFileSync(path, 'utf8'), '# mine\n');
});

for (const init of ['systemd', 'sysvinit', 'procd'] as const) {
  needsBuild(`make install for ${init} starts the agent where it was installed`, () => {
    install('PREFIX=/opt', 'SYSCONFDIR=/opt/etc', `INIT=${init}`);
    const isSystemd = init === 'systemd';
    const path = isSystemd ? 'lib/systemd/system/sota-agent.service' : 'etc/init.d/sota-agent';
    const text = read(`opt/${path}`);
    assert.match(text, /\/opt\/bin\/sota-agent/);
    assert.not.match(text, /usr\/bin\/sota-agent/);
    if (!isSystemd) assert.is(statSync(join(directory, 'opt', path)).mode & 0o777, 0o755);
  });
}

// ---------------------------------------------------------------- make release

const targets = ['linux-arm64', 'linux-armv7l'];
const areBuilt = targets.every((name) => existsSync(`build/${name}/sota-agent`));
const needsTargets = test.needs('make targets', areBuilt);

/** Made once: it packs 200 MiB. */
const made = mkdtempSync(join(tmpdir(), 'sota-made-'));
test.after(() => rmSync(made, { recursive: true, force: true }));

function release(): string {
  if (existsSync(join(made, 'SHA256SUMS'))) return made;
  execFileSync(process.execPath, ['targets/release.mjs', made], { stdio: 'pipe' });
  return made;
}

/** In a copy of the tree, with what build.test.ts has shown to be the same there. */
function releaseElsewhere(): string {
  const tree = copyTree('sota-elsewhere');
  for (const path of [...targets.map((name) => `build/${name}`), 'build/sota-agent.cjs']) {
    cpSync(path, join(tree, path), { recursive: true });
  }
  for (const path of ['CHANGELOG.md', 'LICENSE']) cpSync(path, join(tree, path));
  const env = { PATH: process.env['PATH'], SOTA_AGENT_CACHE: cache, TZ: 'Asia/Tokyo', HOME: '/' };
  const args = [join(tree, 'targets/release.mjs'), 'made'];
  const script = 'umask 077; cd /; LC_ALL=C; export LC_ALL; exec "$0" "$@"';
  execFileSync('sh', ['-c', script, process.execPath, ...args], { env, stdio: 'pipe' });
  const sums = readFileSync(join(tree, 'made/SHA256SUMS'), 'utf8');
  rmSync(tree, { recursive: true });
  return sums;
}

needsTargets('a release is the same twice, wherever and whoever makes it', () => {
  const sums = readFileSync(join(release(), 'SHA256SUMS'), 'utf8');
  assert.is(sums.split('\n').length, 4);
  assert.is(releaseElsewhere(), sums);
  execFileSync('sha256sum', ['-c', '--quiet', 'SHA256SUMS'], { cwd: release() });
});

needsTargets('a tarball holds one folder, with program and licences, and belongs to root', () => {
  const inc = readFileSync(join(release(), 'sota-agent-release.inc'), 'utf8');
  for (const [name, top, arch] of [
    [`sota-agent-${version}-linux-arm64`, `sota-agent-${version}`, ':aarch64'],
    [`sota-agent-${version}-linux-armv7l`, `sota-agent-${version}`, ':arm'],
    [`sota-agent-node-${version}`, `sota-agent-node-${version}`, ''],
  ] as const) {
    const archive = join(release(), `${name}.tar.gz`);
    const listed = execFileSync('tar', ['-tvzf', archive], { encoding: 'utf8' }).trim().split('\n');
    for (const line of listed) assert.match(line, new RegExp(` 0/0 .* ${top}/`));
    execFileSync('tar', ['-xzf', archive, '-C', directory]);
    assert.is(statSync(join(directory, top, 'sota-agent')).mode & 0o777, 0o755);
    const valueOf = (variable: string) => inc.split(`${variable} = "`)[1]?.split('"')[0] ?? '';
    const more = arch === '' ? '' : valueOf(`SOTA_AGENT_NODE_LICENSE${arch}`);
    const block = `${valueOf('LIC_FILES_CHKSUM')} ${more}`;
    const licenses = [...block.matchAll(/file:\/\/(\S+);md5=(\w+)/g)];
    assert.is(licenses.length, arch === '' ? 3 : 4);
    for (const [, file = '', md5] of licenses) assert.is(hash(join(top, file), 'md5'), md5);
    rmSync(join(directory, top), { recursive: true });
  }
});

needsTargets('the program of other Nodes runs on this one', () => {
  const top = `sota-agent-node-${version}`;
  execFileSync('tar', ['-xzf', join(release(), `${top}.tar.gz`), '-C', directory]);
  chmodSync(join(directory, top, 'sota-agent'), 0o755);
  const text = execFileSync(join(directory, top, 'sota-agent'), ['version'], { encoding: 'utf8' });
  assert.is(text.trim(), said);
});

const recipes = 'targets/yocto/meta-sota-agent/recipes-sota/sota-agent/sota-agent-release.inc';

needsTargets('the recipes carry the checksums of the release', () => {
  const made = (name: string) => readFileSync(join(release(), name), 'utf8');
  const [built, carried] = [made('sota-agent-release.inc'), readFileSync(recipes, 'utf8')];
  const sourcesOf = (text: string) => /sources (\w+)\./.exec(text)?.[1];
  const tags = spawnSync('git', ['tag', '--points-at', 'HEAD'], { encoding: 'utf8' }).stdout ?? '';
  const isReleased = tags.split('\n').includes(`v${version}`);
  if (isReleased || sourcesOf(carried) === sourcesOf(built)) assert.is(carried, built);
  // Between releases the recipes stay with the last one.
  else console.log('| the sources have changed since the last `make release`');
  const sums = made('SHA256SUMS')
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  assert.equal(
    [...built.matchAll(/sha256sum\] = "(\w+)"/g)].map(([, sum]) => sum),
    sums,
  );
});

test.run();
