// Tests how the recipes handle their tarballs. The recipes' own Python decides over real
// directories whether a tarball can be fetched, and checks real files. bitbake halts the whole
// parse if a local file is missing, and checks the SHA-256 of downloads only.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { evaluate, qemuarm, qemuarm64, qemux86 } from './datastore.ts';
import { layer, readRecipe } from './recipe.ts';
import type { Machine } from './datastore.ts';
import type { Recipe } from './recipe.ts';

const test = suite('the tarballs of the recipes');
const withPython = test.needs('python3', hasProgram('python3'));
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-tarballs-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const node = 'dynamic-layers/openembedded-layer/recipes-sota/sota-agent-node';
const prebuilt = readRecipe(join(layer, `recipes-sota/sota-agent/sota-agent_${version}.bb`));
const script = readRecipe(join(layer, node, `sota-agent-node_${version}.bb`));
const task = 'sota_agent_check_tarball';

/** The differences between recipes and CPUs; the version is that of PV. */
const cases: readonly {
  readonly recipe: Recipe;
  readonly machine: Machine;
  readonly name: string;
  readonly fileOf: (version: string) => string;
}[] = [
  {
    recipe: prebuilt,
    machine: qemuarm64,
    name: 'arm64',
    fileOf: (one) => `sota-agent-${one}-linux-arm64.tar.gz`,
  },
  {
    recipe: prebuilt,
    machine: qemuarm,
    name: 'armv7l',
    fileOf: (one) => `sota-agent-${one}-linux-armv7l.tar.gz`,
  },
  {
    recipe: script,
    machine: qemux86,
    name: 'node',
    fileOf: (one) => `sota-agent-node-${one}.tar.gz`,
  },
];

const on = (machine: Machine, releases: string, more: Machine['settings'] = {}): Machine => ({
  ...machine,
  settings: { SOTA_AGENT_RELEASES: releases, ...more },
});
const put = (name: string, text = 'a tarball') => writeFileSync(join(directory, name), text);
const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** One Python process for all, since each start takes long. */
function reasons(recipe: Recipe, all: readonly Machine[]): readonly string[] {
  return evaluate(recipe, all).map(({ skipped }) => skipped);
}

withPython('a recipe whose tarball is missing is skipped and names it, with any PV', () => {
  for (const { recipe, machine, name, fileOf } of cases) {
    const [whole, others] = [join(directory, `${name}-whole`), join(directory, `${name}-others`)];
    const versions = [version, '9.9.9'];
    for (const folder of [whole, others]) {
      mkdirSync(folder);
      // All tarballs exist at first; below, `others` loses only those of this CPU.
      for (const one of cases) {
        for (const pv of versions) writeFileSync(join(folder, one.fileOf(pv)), '');
      }
    }
    for (const pv of versions) rmSync(join(others, fileOf(pv)));
    const waysTo = (folder: string) => [`file://${folder}`, folder, `${folder}/`];
    const at = (folder: string) =>
      versions.flatMap((pv) => waysTo(folder).map((way) => ({ ...on(machine, way), version: pv })));
    const missing = reasons(recipe, at(others));
    missing.forEach((reason, index) => {
      const file = join(others, fileOf(index < 3 ? version : '9.9.9'));
      assert.ok(reason.startsWith(`${file} does not exist`), reason);
    });
    assert.is(missing.length, 6);
    assert.equal(
      reasons(recipe, at(whole)),
      missing.map(() => ''),
    );
  }
});

withPython('a folder in its place, a dead link or a folder that is missing is no tarball', () => {
  const file = cases[0]?.fileOf(version) ?? '';
  const folders = ['dead', 'linked', 'folder', 'none'].map((name) => join(directory, name));
  const [dead = '', linked = '', folder = ''] = folders;
  for (const one of [dead, linked]) mkdirSync(one);
  symlinkSync(join(directory, 'nowhere'), join(dead, file));
  put('somewhere');
  symlinkSync(join(directory, 'somewhere'), join(linked, file));
  mkdirSync(join(folder, file), { recursive: true });
  const found = reasons(
    prebuilt,
    folders.map((one) => on(qemuarm64, one)),
  );
  const problem = 'does not exist or cannot be read: run `make release`';
  folders.forEach((one, at) => {
    const reason = found[at] ?? '';
    if (one === linked) assert.is(reason, '');
    else assert.ok(reason.startsWith(`${join(one, file)} ${problem}`), reason);
  });
});

withPython('a recipe is parsed again when the file appears or disappears', () => {
  const file = cases[0]?.fileOf(version) ?? '';
  const depends = [`depends: ${join(directory, file)}`];
  assert.equal(evaluate(prebuilt, [on(qemuarm64, directory)])[0]?.said, depends);
  put(file);
  assert.equal(evaluate(prebuilt, [on(qemuarm64, directory)])[0]?.said, depends);
});

withPython('a place that bitbake cannot fetch from skips the recipe, with the reason', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /^set SOTA_AGENT_RELEASES to the folder/],
    ['  ', /^set SOTA_AGENT_RELEASES to the folder/],
    ['build/release', /neither an absolute path nor a URL/],
    ['./release', /neither an absolute path nor a URL/],
    ['~/release', /neither an absolute path nor a URL/],
    ['file://build/release', /neither an absolute path nor a URL/],
    ['file:/release', /neither an absolute path nor a URL/],
    ['/two words', /character that bitbake does not accept/],
    ['file:///two words', /character that bitbake does not accept/],
    ['/a;b', /character that bitbake does not accept/],
    ['/a*', /character that bitbake does not accept/],
    ['/a%20b', /character that bitbake does not accept/],
    ['${NOBODY_SETS_THIS}/release', /character that bitbake does not accept/],
    ['htps://releases.example.org', /which bitbake cannot fetch \(.*htps.*\): give the folder/],
  ];
  for (const { recipe, machine } of cases) {
    const found = reasons(
      recipe,
      wrong.map(([place]) => on(machine, place)),
    );
    for (const [at, [place, reason]] of wrong.entries()) {
      assert.match(found[at] ?? '', reason, place);
    }
  }
});

withPython('every way to write a place gives one URL', () => {
  put(cases[0]?.fileOf(version) ?? '');
  const local = [directory, `${directory}/`, `${directory}//`, `file://${directory}`];
  const remote = ['https://example.org/r', 'https://example.org/r/'];
  const all = [...local, ...remote].map((place) => on(qemuarm64, place));
  const found = evaluate(prebuilt, all, ['${SRC_URI}']).map(({ values }) =>
    values[0]?.replace(/\/sota-agent-.*/, ''),
  );
  assert.equal(found, [
    ...local.map(() => `file://${directory}`),
    ...remote.map(() => 'https://example.org/r'),
  ]);
});

withPython('a local tarball is checked against the checksum of the recipe', () => {
  for (const { recipe, machine, name, fileOf } of cases) {
    const file = join(directory, fileOf(version));
    put(fileOf(version));
    const right = { [`SRC_URI[${name}.sha256sum]`]: digestOf('a tarball') };
    const places: Machine['settings'][] = [right, {}, { SOTA_AGENT_ACCEPT_ANY_TARBALL: '1' }];
    for (const no of ['0', '', 'no']) places.push({ SOTA_AGENT_ACCEPT_ANY_TARBALL: no });
    const all = places.map((settings) => on(machine, `file://${directory}`, settings));
    const saidOf = () =>
      evaluate(recipe, all, [], [task]).map(({ said }) => said.at(-1) ?? 'nothing');
    const expected = recipe.variables.get(`SRC_URI[${name}.sha256sum]`) ?? 'none';
    const problem = `${file} has the SHA-256 ${digestOf('a tarball')}, but the recipe expects `;
    const [good, bad = '', any = '', ...others] = saidOf();
    assert.is(good, `note: ${file} has the SHA-256 that the recipe expects`);
    assert.ok(bad.startsWith(`fatal: ${problem}${expected}: `), bad);
    assert.match(bad, /`make release` writes both: copy sota-agent-release\.inc/);
    assert.ok(any.startsWith(`warn: ${problem}${expected}. It is used because`), any);
    assert.equal(others, [bad, bad, bad]);
    // One changed bit is sufficient.
    put(fileOf(version), 'a tarbalm');
    assert.match(saidOf()[0] ?? '', /^fatal/);
  }
});

withPython('the check runs before the tarball is unpacked; a download is left to bitbake', () => {
  for (const { recipe, machine } of cases) {
    assert.is(recipe.variables.get('do_unpack[prefuncs]'), task);
    const remote = on(machine, 'https://releases.example.org');
    const [found] = evaluate(recipe, [remote], ['fetched'], [task]);
    assert.equal(found?.said, []);
    assert.equal(found?.values, ['fetched']);
  }
});

withPython('what cannot work is refused: opkg without root, no root without systemd', () => {
  const rights = ['', 'opkg', 'swupdate', 'opkg swupdate', 'swupdate unprivileged'];
  const wrong = ['opkg unprivileged', 'unprivileged swupdate opkg'];
  const sysvinit = { PACKAGECONFIG: 'unprivileged', DISTRO_FEATURES: 'sysvinit' };
  for (const recipe of [prebuilt, script]) {
    const machine = recipe === script ? qemux86 : qemuarm64;
    const chosen = [...rights, ...wrong].map((PACKAGECONFIG) => ({ PACKAGECONFIG }));
    const all = [...chosen, sysvinit].map((more) => on(machine, 'https://example.org', more));
    const found = reasons(recipe, all);
    assert.equal(
      found.slice(0, rights.length),
      rights.map(() => ''),
    );
    for (const reason of found.slice(rights.length, -1)) {
      assert.match(reason, /but opkg needs root: remove one of them$/);
    }
    assert.match(found.at(-1) ?? '', /which only systemd can do/);
  }
});

withPython('a place of the state that would break the files that carry it is refused', () => {
  const conf = readRecipe(join(layer, 'recipes-sota/sota-agent-conf/sota-agent-conf_1.0.bb'));
  const right = ['/data/sota-agent', '/data/sota/', '/mnt/a_b+c.d'];
  const wrong = ['', 'data', '/', '/a b', '/a,b', '/a&b', '/a"b', '/a\\b', '${NONE}/x'];
  for (const recipe of [prebuilt, conf]) {
    const found = reasons(
      recipe,
      [...right, ...wrong].map((SOTA_AGENT_STATE_DIR) =>
        on(qemuarm64, 'https://example.org', { SOTA_AGENT_STATE_DIR }),
      ),
    );
    assert.equal(
      found.slice(0, right.length),
      right.map(() => ''),
    );
    for (const reason of found.slice(right.length)) {
      assert.match(reason, /^SOTA_AGENT_STATE_DIR is ".*": give an absolute path/);
    }
  }
});

test.run();
