// Tests what a release contains: the scripts that make it run into directories of the test, and the
// output is read as its users read it.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { commands } from '../../src/commands/cli.ts';
import { exitCodes } from '../../src/commands/ports.ts';
import { readSettings } from '../../src/config.ts';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { evaluate, qemuarm, qemuarm64, qemux86 } from '../yocto/datastore.ts';
import { layer, readRecipe } from '../yocto/recipe.ts';
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
  if (!found.ok) throw new Error(JSON.stringify(found.errors));
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
    // This depends on what else is installed.
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

/** Made once, because it packs 200 MiB. */
const made = mkdtempSync(join(tmpdir(), 'sota-made-'));
test.after(() => rmSync(made, { recursive: true, force: true }));

function release(): string {
  if (existsSync(join(made, 'SHA256SUMS'))) return made;
  execFileSync(process.execPath, ['targets/release.mjs', made], { stdio: 'pipe' });
  return made;
}

/**
 * In a copy of the tree, with the executables of this tree; build.test.ts shows that they are
 * equal.
 */
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
    if (arch !== '') {
      const text = readFileSync(join(directory, top, 'LICENSE.node'), 'utf8');
      assert.match(text, /^sota-agent contains Node\.js [\d.]+, removed: [^\n]*the ICU data\.\n\n/);
    }
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

// ---------------------------------------------------------------- the recipes

const checksums = 'recipes-sota/sota-agent/sota-agent-release.inc';
const committed = readFileSync(join(layer, checksums), 'utf8');
const script = 'dynamic-layers/openembedded-layer/recipes-sota/sota-agent-node/sota-agent-node';
/**
 * For each tarball: the name of its checksum, its file, its recipe, and a machine that accepts it.
 */
const packed = [
  ['arm64', `sota-agent-${version}-linux-arm64.tar.gz`, 'prebuilt', qemuarm64],
  ['armv7l', `sota-agent-${version}-linux-armv7l.tar.gz`, 'prebuilt', qemuarm],
  ['node', `sota-agent-node-${version}.tar.gz`, 'script', qemux86],
] as const;
const needsPython = test.needs('make targets and python3', areBuilt && hasProgram('python3'));

/** The checksums in the tree belong to the last release, so the layer here has the new ones. */
needsPython(
  'the recipes take the tarballs of a release, with the checksums written for them',
  () => {
    const fresh = join(directory, 'layer');
    cpSync(layer, fresh, { recursive: true });
    cpSync(join(release(), 'sota-agent-release.inc'), join(fresh, checksums));
    const recipes = {
      prebuilt: readRecipe(join(fresh, `recipes-sota/sota-agent/sota-agent_${version}.bb`)),
      script: readRecipe(join(fresh, `${script}_${version}.bb`)),
    };
    for (const [name, file, kind, machine] of packed) {
      const settings = { SOTA_AGENT_RELEASES: release() };
      const texts = ['${SOTA_AGENT_TARBALL}', '${CVE_VERSION}'];
      const task = 'sota_agent_check_tarball';
      const [found] = evaluate(recipes[kind], [{ ...machine, settings }], texts, [task]);
      const note = `note: ${join(release(), file)} has the SHA-256 that the recipe expects`;
      assert.is(found?.said.at(-1), note, name);
      if (kind === 'script') continue;
      const { node } = JSON.parse(readFileSync(`targets/linux-${name}.json`, 'utf8'));
      assert.equal(found?.values, [file, node.version]);
    }
  },
);

test('the checksums in the tree are complete, and of the version of the recipes', () => {
  const hint = `the checksums are not of ${version}: run make release`;
  assert.match(committed, new RegExp(`^# Written by .make release. for ${version}[.;]`), hint);
  const sums = [...committed.matchAll(/^SRC_URI\[(\w+)\.sha256sum\] = "[0-9a-f]{64}"$/gm)];
  assert.equal(
    sums.map(([, name]) => name),
    packed.map(([name]) => name),
  );
  const nodes = /^SOTA_AGENT_NODE_VERSION:(?:aarch64|arm) = "\d+\.\d+\.\d+"$/gm;
  assert.is([...committed.matchAll(nodes)].length, 2);
  const licenses = [...committed.matchAll(/file:\/\/(LICENSE[\w.-]*);md5=[0-9a-f]{32}/g)];
  assert.equal(
    licenses.map(([, name]) => name),
    ['LICENSE', 'LICENSE.smol-toml', 'LICENSE.ws', 'LICENSE.node', 'LICENSE.node'],
  );
});

needsTargets('a commit that is tagged as a release has the checksums of its own tarballs', () => {
  const tags = spawnSync('git', ['tag', '--points-at', 'HEAD'], { encoding: 'utf8' }).stdout ?? '';
  const built = readFileSync(join(release(), 'sota-agent-release.inc'), 'utf8');
  if (tags.split('\n').includes(`v${version}`)) assert.is(committed, built);
  const sums = readFileSync(join(release(), 'SHA256SUMS'), 'utf8').match(/^\w+/gm);
  const listed = [...built.matchAll(/sha256sum\] = "(\w+)"/g)].map(([, sum]) => sum);
  assert.equal(listed, sums);
});

/**
 * `make release` without the build: runs targets/layer.mjs in a copy of the files that it changes.
 */
function layerElsewhere(act: (tree: string) => void, ...args: readonly string[]) {
  for (const path of ['targets/layer.mjs', layer, 'package.json', 'package-lock.json']) {
    cpSync(path, join(directory, path), { recursive: true });
  }
  cpSync('CHANGELOG.md', join(directory, 'CHANGELOG.md'));
  act(directory);
  const ran = spawnSync(process.execPath, [join(directory, 'targets/layer.mjs'), ...args], {
    encoding: 'utf8',
  });
  return { exitCode: ran.status, said: ran.stderr };
}

const setVersion = (tree: string, value: string) => {
  const path = join(tree, 'package.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace(`"${version}"`, `"${value}"`));
};

test('make release gives recipes, their checksums and package-lock.json the version', () => {
  const text = committed.replace(/ for .*/, ' for 7.8.9.');
  const act = (tree: string) => {
    setVersion(tree, '7.8.9');
    mkdirSync(join(tree, 'made'));
    writeFileSync(join(tree, 'made/sota-agent-release.inc'), text);
  };
  assert.equal(layerElsewhere(act, 'made'), { exitCode: 0, said: '' });
  assert.is(read(join(layer, checksums)), text);
  for (const name of ['recipes-sota/sota-agent/sota-agent', script]) {
    assert.ok(existsSync(join(directory, layer, `${name}_7.8.9.bb`)), name);
    assert.not.ok(existsSync(join(directory, layer, `${name}_${version}.bb`)), name);
  }
  const lock = JSON.parse(read('package-lock.json'));
  assert.equal([lock.version, lock.packages[''].version], ['7.8.9', '7.8.9']);
  assert.is(read('package-lock.json').split('7.8.9').length, 3);
});

test('make release takes no checksums of another version', () => {
  const act = (tree: string) => {
    mkdirSync(join(tree, 'made'));
    const text = committed.replace(/ for .*/, ' for 7.8.9.');
    writeFileSync(join(tree, 'made/sota-agent-release.inc'), text);
  };
  const { exitCode, said } = layerElsewhere(act, 'made');
  assert.is(exitCode, 1);
  assert.match(said, /for 7\.8\.9\.", but package\.json has .*: run `make release`/);
});

test('make release fails if the changes name nothing that is released', () => {
  const write = (text: string) => (tree: string) =>
    writeFileSync(join(tree, 'CHANGELOG.md'), `# Changes\n\n${text}`);
  const old = '## 0.0.1\n\n- an entry\n';
  for (const [text, code] of [
    [`## Unreleased\n\n### Added\n\n- an entry\n\n${old}`, 0],
    [`## Unreleased\n\n## ${version}, 2026-11-27\n\n- an entry\n\n${old}`, 0],
    [`## Unreleased\n\n### Added\n\n${old}`, 1],
    [old, 1],
  ] as const) {
    const { exitCode, said } = layerElsewhere(write(text), '--check');
    assert.is(exitCode, code, text);
    if (code === 1) assert.match(said, /^release: CHANGELOG\.md has no entry/);
  }
});

test.run();
