// Tests what bitbake, its QA and yocto-check-layer require of the layer, as far as possible without
// them. A small reader parses the recipes and rejects unknown syntax. The body of do_install runs
// under sh over a tree with the content of the tarball.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { expanded, install } from './install.ts';
import { layer, readRecipe } from './recipe.ts';
import type { Recipe } from './recipe.ts';

const test = suite('the Yocto layer');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-layer-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const read = (path: string) => readFileSync(join(layer, path), 'utf8');
const files = readdirSync(layer, { recursive: true }).map(String).sort();
const paths = {
  prebuilt: `recipes-sota/sota-agent/sota-agent_${version}.bb`,
  script:
    `dynamic-layers/openembedded-layer/recipes-sota/sota-agent-node/` +
    `sota-agent-node_${version}.bb`,
  conf: 'recipes-sota/sota-agent-conf/sota-agent-conf_1.0.bb',
};
const recipe = (name: keyof typeof paths) => readRecipe(join(layer, paths[name]));
const valueOf = ({ variables }: Recipe, name: string) => variables.get(name) ?? '';
const all = () => [recipe('prebuilt'), recipe('script'), recipe('conf')];

test('every recipe is read, and is of the version that is released', () => {
  const recipes = files.filter((file) => file.endsWith('.bb'));
  assert.equal(recipes, Object.values(paths).sort());
});

test('the reader refuses what is no recipe', () => {
  const wrong = ['A = "x', 'A = "${B"', 'A = "x"y"', 'do_x() {\n  y', 'nonsense', 'A == "x"'];
  for (const text of wrong) {
    const path = join(directory, 'x.bb');
    writeFileSync(path, `${text}\n`);
    assert.throws(() => readRecipe(path), undefined, text);
  }
});

test('one file serves every series: no S, no WORKDIR, no UNPACKDIR', () => {
  for (const { text, variables } of all()) {
    assert.not.ok(variables.has('S'));
    assert.not.match(text, /\$\{(WORKDIR|UNPACKDIR)\}/);
    assert.not.match(text, /_(append|prepend|remove|\$\{PN\}) /);
  }
});

test('local files lie where S is, and are there', () => {
  const entries = all().flatMap((one) => valueOf(one, 'SRC_URI').split(' '));
  const local = entries.filter((entry) => entry.startsWith('file://'));
  assert.equal(local, ['file://config.toml;subdir=${BP}']);
  assert.ok(existsSync(join(layer, 'recipes-sota/sota-agent-conf/files/config.toml')));
});

test('the configuration is the one that others get', () => {
  const path = 'recipes-sota/sota-agent-conf/files/config.toml';
  assert.is(read(path), readFileSync('targets/config/config.toml', 'utf8'));
});

test('the executable is not touched: no strip, no debug link, no sysroot strip', () => {
  const one = recipe('prebuilt');
  for (const step of ['PACKAGE_STRIP', 'PACKAGE_DEBUG_SPLIT', 'SYSROOT_STRIP']) {
    assert.is(valueOf(one, `INHIBIT_${step}`), '1');
  }
  assert.not.ok(one.variables.has('INHIBIT_DEFAULT_DEPS'));
});

test('a scan of vulnerabilities looks for the Node inside', () => {
  assert.is(valueOf(recipe('prebuilt'), 'CVE_PRODUCT'), 'nodejs:node.js');
  assert.is(valueOf(recipe('script'), 'CVE_PRODUCT'), 'sota-agent');
});

test('the script needs the Node of the image, and stands in for the executable', () => {
  const one = recipe('script');
  assert.match(valueOf(one, 'RDEPENDS:${PN}'), /\bnodejs\b/);
  assert.is(valueOf(one, 'RPROVIDES:${PN}'), 'sota-agent');
  assert.is(valueOf(one, 'RCONFLICTS:${PN}'), 'sota-agent');
  assert.match(valueOf(one, 'SRC_URI[node.sha256sum]'), /^[0-9a-f]{64}$/);
  assert.not.ok(one.inherits.includes('allarch'));
  assert.match(read('conf/layer.conf'), /BBFILES_DYNAMIC \+= "openembedded-layer:/);
});

test('nothing is fetched behind the back of the fetcher, and no recipe names a library', () => {
  for (const { text, variables } of all()) {
    assert.not.match(text, /\[network\]|\bnpm\b|curl|wget/);
    assert.not.match(variables.get('RDEPENDS:${PN}') ?? '', /libstdc|libgcc|glibc|libatomic/);
  }
});

test('the layer changes nothing of others, and says what it is for', () => {
  const conf = read('conf/layer.conf');
  const variables = [...conf.matchAll(/^([A-Z]+)(?:_sota-agent)? /gm)].map(([, name]) => name);
  const own = ['BBPATH', 'BBFILES', 'BBFILE', 'LAYERVERSION', 'LAYERDEPENDS', 'LAYERSERIES'];
  for (const name of variables)
    assert.ok(
      own.some((one) => name?.startsWith(one)),
      name,
    );
  assert.match(conf, /LAYERDEPENDS_sota-agent = "core"/);
  assert.is(files.filter((file) => file.endsWith('.bbappend')).length, 0);
});

test('yocto-check-layer finds what it looks for', () => {
  const readme = read('README.md');
  for (const word of [/maintainer/i, /patch/i, /[\w.-]+@[\w.-]+/]) assert.match(readme, word);
  const series = /COMPAT_sota-agent = "(.*)"/.exec(read('conf/layer.conf'))?.[1] ?? '';
  for (const name of series.split(' ')) assert.ok(readme.includes(name), name);
  const needed = ['SECURITY.md', 'COPYING.MIT', 'kas.yml'];
  for (const file of needed) assert.ok(files.includes(file), file);
});

test('oelint finds what it asks for, and reasons where a rule is not kept', () => {
  for (const { text, variables } of all()) {
    const asked = ['SUMMARY', 'DESCRIPTION', 'HOMEPAGE', 'LICENSE', 'SRC_URI'];
    for (const name of [...asked, 'BUGTRACKER', 'CVE_PRODUCT', 'SECTION']) {
      assert.ok(variables.has(name), name);
    }
    assert.ok((variables.get('SUMMARY') ?? '').length <= 80);
    // A wrong address is worse than none: this domain is reserved for examples.
    assert.is(variables.get('HOMEPAGE'), 'https://example.org/');
    const order = [...variables.keys()].map((name) => name.replace(/[:[].*/, ''));
    const told = ['SUMMARY', 'DESCRIPTION', 'HOMEPAGE', 'BUGTRACKER', 'SECTION', 'LICENSE'];
    assert.equal(
      order.filter((name) => told.includes(name)),
      told,
    );
    const excused: readonly [RegExp, string][] = [
      [/^python \(\) \{/m, 'oelint.task.noanonpython'],
      [/^INSANE_SKIP/m, 'oelint.vars.insaneskip'],
      [/^LIC_FILES_CHKSUM = .*COMMON_LICENSE_DIR/m, 'oelint.var.licenseremotefile'],
    ];
    for (const [what, rule] of excused) {
      const before = text.split(what)[0]?.trimEnd().split('\n').at(-1);
      if (what.test(text)) assert.is(before, `# nooelint: ${rule}`);
    }
  }
});

test('the README of the layer answers what integrators ask', () => {
  const readme = read('README.md');
  const answers = [
    /^Branch `main` serves kirkstone/m,
    /IMAGE_INSTALL:append = " sota-agent"/,
    /`rvi\.url`/,
    /`device\.vin`/,
    /`rvi\.tls_key`/,
    /Read-only root file system/,
    /data partition/,
    /systemd and sysvinit/,
    /Root or not/,
    /\*\*Size\.\*\*/,
    /SYSTEMD_AUTO_ENABLE:pn-sota-agent/,
    /INHIBIT_UPDATERCD_BBCLASS:pn-sota-agent/,
    /sota-agent\.cdx\.json/,
    /CVE_VERSION/,
    /`DL_DIR`/,
    /Reproducible/,
    /kas build/,
    /qemuarm64/,
  ];
  for (const answer of answers) assert.match(readme, answer);
});

test('the README of the layer knows its variables', () => {
  const asked = all().flatMap(({ text }) => [...text.matchAll(/^(SOTA_AGENT_\w+) \?\?=/gm)]);
  assert.ok(asked.length >= 3);
  for (const [, name = ''] of asked) assert.ok(read('README.md').includes(`| \`${name}\` |`), name);
});

test('an upgrade does not stop the agent that installs it, a removal does', () => {
  const body = recipe('prebuilt').functions.get('systemd_prerm') ?? '';
  const stand = `D=; systemctl() { [ $# = 0 ] || echo "$*"; }`;
  const said = (word: string) => {
    const script = `${stand}; f() {\n${body}\n}; f ${word} || :`;
    return execFileSync('sh', ['-euc', script], { encoding: 'utf8' });
  };
  assert.is(said('upgrade 1.0'), '');
  assert.is(said('remove'), 'stop sota-agent.service\ndisable sota-agent.service\n');
});

// ---------------------------------------------------------------- do_install

/** Runs it over a tree with the content of the tarball. */
function installed(name: keyof typeof paths, settings: { readonly [name: string]: string } = {}) {
  const [image, source] = [join(directory, 'image'), join(directory, 'source')];
  mkdirSync(join(source, 'systemd'), { recursive: true });
  for (const folder of ['systemd', 'init.d', 'tmpfiles.d']) {
    cpSync(join('targets', folder), join(source, folder), { recursive: true });
  }
  cpSync('targets/man/sota-agent.1', join(source, 'sota-agent.1'));
  cpSync('targets/config/config.toml', join(source, 'config.toml'));
  writeFileSync(join(source, 'sota-agent'), '#!/bin/sh\n');
  install(recipe(name), { image, source, settings });
  const found = execFileSync('find', ['.', '-type', 'f', '-printf', '%m /%P\\n'], { cwd: image });
  const listed = found.toString().trim().split('\n').sort();
  const textOf = (path: string) => readFileSync(join(image, path), 'utf8');
  return { listed, textOf };
}

const tree = [
  '644 /usr/lib/systemd/system/sota-agent.service',
  '644 /usr/lib/tmpfiles.d/sota-agent.conf',
  '644 /usr/share/man/man1/sota-agent.1',
  '755 /etc/init.d/sota-agent',
  '755 /usr/bin/sota-agent',
];

for (const name of ['prebuilt', 'script'] as const) {
  test(`do_install of the ${name} one puts everything in its place`, () => {
    const { listed, textOf } = installed(name);
    assert.equal(listed, tree);
    const unit = '/usr/lib/systemd/system/sota-agent.service';
    assert.is(textOf(unit), readFileSync('targets/systemd/sota-agent.service', 'utf8'));
    const packed = valueOf(recipe(name), 'FILES:${PN}');
    assert.is(packed, '${systemd_system_unitdir} ${nonarch_libdir}/tmpfiles.d');
  });
}

test('the state goes where the integrator wants it, in unit, tmpfiles and configuration', () => {
  const settings = { SOTA_AGENT_STATE_DIR: '/data/sota' };
  const { textOf } = installed('prebuilt', settings);
  const unit = textOf('/usr/lib/systemd/system/sota-agent.service');
  assert.match(unit, /^RequiresMountsFor=\/data\/sota$/m);
  assert.not.match(unit, /StateDirectory|var\/lib\/sota-agent/);
  assert.match(textOf('/usr/lib/tmpfiles.d/sota-agent.conf'), /^d \/data\/sota 0700 root/m);
  rmSync(join(directory, 'image'), { recursive: true });
  const conf = installed('conf', settings);
  assert.equal(conf.listed, ['644 /etc/sota-agent/config.toml']);
  assert.match(conf.textOf('/etc/sota-agent/config.toml'), /^dir = "\/data\/sota"$/m);
  assert.is(valueOf(recipe('conf'), 'CONFFILES:${PN}'), '${sysconfdir}/sota-agent/config.toml');
});

test('the home of the user is where the state is', () => {
  for (const name of ['prebuilt', 'script'] as const) {
    const one = recipe(name);
    const text = valueOf(one, 'USERADD_PARAM:${PN}');
    const settings = { SOTA_AGENT_STATE_DIR: '/data/sota' };
    assert.match(expanded(one, text, settings), /--home-dir \/data\/sota /);
    assert.match(expanded(one, text, {}), /--home-dir \/var\/lib\/sota-agent /);
  }
});

test('without root there is a drop-in, which may write the state', () => {
  const settings = { PACKAGECONFIG: 'swupdate unprivileged', SOTA_AGENT_STATE_DIR: '/data/sota' };
  const { listed, textOf } = installed('prebuilt', settings);
  const path = '/usr/lib/systemd/system/sota-agent.service.d/unprivileged.conf';
  assert.ok(listed.includes(`644 ${path}`));
  assert.match(textOf(path), /^User=sota-agent$/m);
  assert.match(textOf(path), /^ReadWritePaths=-\/data\/sota$/m);
  const made = textOf('/usr/lib/tmpfiles.d/sota-agent.conf');
  assert.match(made, /^d \/data\/sota 0700 sota-agent sota-agent -$/m);
});

test('installers come by PACKAGECONFIG, and the user in any case', () => {
  for (const name of ['prebuilt', 'script'] as const) {
    const one = recipe(name);
    assert.is(valueOf(one, 'PACKAGECONFIG[opkg]'), ',,,opkg');
    assert.is(valueOf(one, 'PACKAGECONFIG[swupdate]'), ',,,,swupdate');
    assert.equal(one.inherits, ['systemd', 'update-rc.d', 'useradd']);
    assert.match(valueOf(one, 'USERADD_PARAM:${PN}'), /--system .*--user-group sota-agent$/);
  }
});

test.needs('shellcheck', hasProgram('shellcheck'))('shellcheck finds the recipes sound', () => {
  for (const one of all()) {
    for (const [name, body] of one.functions) {
      if (name.startsWith('python')) continue;
      const plain = body.replace(/\$\{@[^}]*\}/g, 'true').replace(/\$\{\w+\}/g, 'x');
      // SC2154: bitbake replaces all variables before the shell runs. SC2050: conditions are
      // constant here.
      const args = ['-s', 'sh', '-e', 'SC2050,SC2154', '-'];
      const ran = spawnSync('shellcheck', args, { input: `${plain}\n`, encoding: 'utf8' });
      assert.is(ran.stdout, '', name);
    }
  }
});

const schema = '/usr/lib/python3/dist-packages/kas/schema-kas.json';

test.needs('kas', existsSync(schema))('kas takes the file', () => {
  const program = `import json, sys, yaml, jsonschema
jsonschema.validate(yaml.safe_load(open(sys.argv[1])), json.load(open(sys.argv[2])))`;
  const check = (path: string) =>
    spawnSync('/usr/bin/python3', ['-c', program, path, schema], { encoding: 'utf8' });
  const checked = check(join(layer, 'kas.yml'));
  // The path is the layer, not the repository around it; no series has removed the features.
  assert.match(read('kas.yml'), /^    path: meta-sota-agent$/m);
  assert.not.match(read('kas.yml'), /debug-tweaks/);
  assert.is(checked.status, 0, checked.stderr);
  const bad = join(directory, 'bad.yml');
  writeFileSync(bad, read('kas.yml').replace('version: 11', 'version: eleven'));
  assert.is.not(check(bad).status, 0);
});

test.run();
