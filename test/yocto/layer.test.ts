// Method: what bitbake, its QA and yocto-check-layer want of the layer, as far as it can be known
// without them. Recipes are read by a small reader that refuses what it does not know; the body of
// do_install runs under sh over a tree as the tarball has it.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
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
  script: `dynamic-layers/openembedded-layer/recipes-sota/sota-agent-node/` +
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
    // Of master only, and a parse error before.
    assert.not.match(text, /^LICENSE = ".* AND /m);
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

test('QA is skipped for 32 bits only, and only what Node cannot help', () => {
  const skips = all().flatMap(({ variables }) =>
    [...variables].filter(([name]) => name.startsWith('INSANE_SKIP')),
  );
  assert.equal(skips, [['INSANE_SKIP:${PN}:append:arm', ' ldflags 32bit-time']]);
});

test('hosts that cannot run the executable are skipped', () => {
  const one = recipe('prebuilt');
  assert.is(valueOf(one, 'COMPATIBLE_HOST'), 'aarch64.*-linux');
  assert.is(valueOf(one, 'COMPATIBLE_HOST:libc-musl'), 'null');
  const program = `import json, re, sys
make = lambda values: type('D', (), {'getVar': lambda self, name: values.get(name)})()
expression = re.fullmatch(r'\\$\\{@(.*)\\}', sys.argv[1]).group(1)
datas = [make(dict(TUNE_FEATURES=t, OVERRIDES=o)) for t, o in json.loads(sys.argv[2])]
print([eval(expression, {'d': d}) for d in datas])`;
  const hosts = [
    ['arm vfp callconvention-hard neon', 'linux:arm:armv7a'],
    ['aarch64 callconvention-hard', 'arm:armv8a'],
    ['arm vfp', 'linux:arm:armv7a'],
    ['arm callconvention-hard', 'linux:arm:armv6'],
    ['arm armv5', 'linux:arm:armv5'],
  ];
  const expression = valueOf(one, 'COMPATIBLE_HOST:arm');
  if (!hasProgram('python3')) assert.match(expression, /callconvention-hard.*'armv7a'/);
  else {
    const args = ['-c', program, expression, JSON.stringify(hosts)];
    const said = execFileSync('python3', args, { encoding: 'utf8' }).trim();
    assert.is(said, "['arm.*-linux', 'arm.*-linux', 'null', 'null', 'null']");
  }
});

test('each CPU has a tarball, its checksum, the licences and the Node inside', () => {
  const one = recipe('prebuilt');
  for (const [cpu, arch, target] of [
    ['aarch64', 'arm64', 'linux-arm64'],
    ['arm', 'armv7l', 'linux-armv7l'],
  ] as const) {
    assert.is(valueOf(one, `SOTA_AGENT_ARCH:${cpu}`), arch);
    assert.match(valueOf(one, `SRC_URI[${arch}.sha256sum]`), /^[0-9a-f]{64}$/);
    assert.match(valueOf(one, `LIC_FILES_CHKSUM:${cpu}`), /LICENSE\.node;md5=[0-9a-f]{32}/);
    const { node } = JSON.parse(readFileSync(`targets/${target}.json`, 'utf8'));
    assert.is(valueOf(one, `SOTA_AGENT_NODE_VERSION:${cpu}`), node.version);
  }
  const source = 'sota-agent-${PV}-linux-${SOTA_AGENT_ARCH}.tar.gz;name=${SOTA_AGENT_ARCH}';
  assert.is(valueOf(one, 'SRC_URI'), `\${SOTA_AGENT_RELEASES}/${source}`);
  assert.is(valueOf(one, 'CVE_PRODUCT'), 'nodejs:node.js');
  assert.is(valueOf(one, 'CVE_VERSION'), '${SOTA_AGENT_NODE_VERSION}');
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

test('the lists of licences are those of what is inside, in a syntax of every series', () => {
  const bundle = ['MPL-2.0', 'MIT', 'BSD-3-Clause'];
  const licences = (name: keyof typeof paths) => valueOf(recipe(name), 'LICENSE').split(' & ');
  assert.equal(licences('script'), bundle);
  for (const one of [...bundle, 'Apache-2.0', 'ISC', 'Zlib', 'BSD-2-Clause']) {
    assert.ok(licences('prebuilt').includes(one), one);
  }
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
  for (const name of variables) assert.ok(own.some((one) => name?.startsWith(one)), name);
  assert.match(conf, /LAYERSERIES_COMPAT_sota-agent = ".*scarthgap.*wrynose"/);
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

test('the README of the layer knows its variables', () => {
  const asked = all().flatMap(({ text }) => [...text.matchAll(/^(SOTA_AGENT_\w+) \?\?=/gm)]);
  assert.ok(asked.length >= 3);
  for (const [, name = ''] of asked) assert.ok(read('README.md').includes(`| \`${name}\` |`), name);
});

/** What anonymous Python makes of the values: an error says why the recipe is skipped. */
function parsed(name: 'prebuilt' | 'script', values: { readonly [name: string]: string }) {
  const program = `import json, sys
Skip = type('Skip', (Exception,), {})
bb = type('bb', (), {'parse': type('parse', (), {'SkipRecipe': Skip})})
values = json.loads(sys.argv[2])
d = type('D', (), {'getVar': values.get, 'setVar': values.__setitem__})()
try:
    exec('if True:\\n' + sys.argv[1])
    print(values['LIC_FILES_CHKSUM'])
except Skip as why: print(why)`;
  const args = ['-c', program, recipe(name).functions.get('python') ?? '', JSON.stringify(values)];
  return execFileSync('python3', args, { encoding: 'utf8' }).trim();
}

test('a release that lies nowhere is said where bitbake looks, and one that does is taken', () => {
  for (const name of ['prebuilt', 'script'] as const) {
    const said = (SOTA_AGENT_RELEASES: string) =>
      parsed(name, { SOTA_AGENT_RELEASES, LIC_FILES_CHKSUM: 'taken' });
    assert.is(valueOf(recipe(name), 'SOTA_AGENT_RELEASES'), '');
    assert.match(said(''), /^set SOTA_AGENT_RELEASES to where .* such as file:/);
    assert.is(said('file:///somewhere'), 'taken');
  }
});

test('on every CPU a recipe names the licences that its own tarball has', () => {
  const named = (name: 'prebuilt' | 'script', suffix: string) => {
    const LIC_FILES_CHKSUM = valueOf(recipe(name), `LIC_FILES_CHKSUM${suffix}`);
    return parsed(name, { SOTA_AGENT_RELEASES: 'file:///r', LIC_FILES_CHKSUM })
      .split(/\s+/).map((one) => one.replace(/^file:\/\/(.*);md5=[0-9a-f]{32}$/, '$1'));
  };
  const script = ['LICENSE', 'LICENSE.smol-toml', 'LICENSE.ws'];
  for (const suffix of ['', ':aarch64', ':arm']) assert.equal(named('script', suffix), script);
  for (const suffix of [':aarch64', ':arm']) {
    assert.equal(named('prebuilt', suffix).sort(), ['LICENSE.node', ...script].sort());
  }
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

const folders: { readonly [name: string]: string } = {
  bindir: '/usr/bin', mandir: '/usr/share/man', sysconfdir: '/etc', localstatedir: '/var',
  nonarch_libdir: '/usr/lib', systemd_system_unitdir: '/usr/lib/systemd/system',
};

/** Runs the body as bitbake would: variables and inline Python first, then a shell. */
function installed(name: keyof typeof paths, settings: { readonly [name: string]: string } = {}) {
  const [D, S] = [join(directory, 'image'), join(directory, 'source')];
  const one = recipe(name);
  const known: { readonly [name: string]: string } = {
    ...folders, SOTA_AGENT_STATE_DIR: '/var/lib/sota-agent', ...settings, D, S,
  };
  const body = (one.functions.get('do_install') ?? '')
    .replace(/\$\{@bb\.utils\.contains\('PACKAGECONFIG', '(\w+)', '(\w+)', '(\w+)', d\)\}/g,
      (_, word: string, yes: string, no: string) =>
        (settings['PACKAGECONFIG'] ?? '').split(' ').includes(word) ? yes : no)
    .replace(/\$\{(\w+)\}/g, (_, variable: string) => {
      const value = known[variable];
      if (value === undefined) throw new Error(`do_install uses \${${variable}}`);
      return value;
    });
  mkdirSync(join(S, 'systemd'), { recursive: true });
  for (const folder of ['systemd', 'init.d', 'tmpfiles.d']) {
    cpSync(join('targets', folder), join(S, folder), { recursive: true });
  }
  cpSync('targets/man/sota-agent.1', join(S, 'sota-agent.1'));
  cpSync('targets/config/config.toml', join(S, 'config.toml'));
  writeFileSync(join(S, 'sota-agent'), '#!/bin/sh\n');
  const ran = spawnSync('sh', ['-euc', body], { encoding: 'utf8' });
  assert.is(ran.status, 0, ran.stderr);
  const found = execFileSync('find', ['.', '-type', 'f', '-printf', '%m /%P\\n'], { cwd: D });
  const listed = found.toString().trim().split('\n').sort();
  const textOf = (path: string) => readFileSync(join(D, path), 'utf8');
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
      if (name === 'python') continue;
      const plain = body.replace(/\$\{@[^}]*\}/g, 'true').replace(/\$\{\w+\}/g, 'x');
      // Of variables, of which bitbake leaves none to the shell; and of what is always so here.
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
  // The layer, not the repository around it; and features that no series has taken away.
  assert.match(read('kas.yml'), /^    path: meta-sota-agent$/m);
  assert.not.match(read('kas.yml'), /debug-tweaks/);
  assert.is(checked.status, 0, checked.stderr);
  const bad = join(directory, 'bad.yml');
  writeFileSync(bad, read('kas.yml').replace('version: 11', 'version: eleven'));
  assert.is.not(check(bad).status, 0);
});

test.run();
