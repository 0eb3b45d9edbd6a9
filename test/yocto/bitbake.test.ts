// Tests the recipes with bitbake's own parser, of release 2.19; for kirkstone with the rule of
// release 2.0 for inline expressions. Its result must equal that of the model of the other tests. A
// recipe that would halt the parse of a whole build must be skipped instead. `make setup` installs
// bitbake.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { evaluate, qemuarm, qemuarm64, qemux86 } from './datastore.ts';
import { layer, readRecipe } from './recipe.ts';
import type { Machine } from './datastore.ts';

const bitbake = resolve('build/bitbake');
const test = suite("the layer in bitbake's own parser");
const withBitbake = test.needs(
  'bitbake of PyPI (make setup)',
  hasProgram('python3') && existsSync(join(bitbake, 'bb/parse')),
);
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-bitbake-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const node = 'dynamic-layers/openembedded-layer/recipes-sota/sota-agent-node';
const prebuilt = `recipes-sota/sota-agent/sota-agent_${version}.bb`;
const script = join(node, `sota-agent-node_${version}.bb`);
const conf = 'recipes-sota/sota-agent-conf/sota-agent-conf_1.0.bb';
const series = ['kirkstone', 'scarthgap', 'walnascar', 'whinlatter', 'wrynose', 'blacksail'];
const remote = { SOTA_AGENT_RELEASES: 'https://releases.example.org' };
const tarball = `sota-agent-${version}-linux-arm64.tar.gz`;

type Parsed = {
  /** Why bitbake would end the whole parse; empty if it does not. */
  readonly halted: string;
  readonly skipped: string;
  readonly values: readonly string[];
  readonly said: readonly string[];
  /** Files whose change causes bitbake to parse the recipe again. */
  readonly depends: readonly string[];
  /** The input of the signature of do_install. */
  readonly hash: string;
};
type Job = {
  readonly file: string;
  readonly machine?: Machine;
  readonly settings?: Machine['settings'];
  readonly append?: string;
  readonly texts?: readonly string[];
  readonly tasks?: readonly string[];
};

function parse(jobs: readonly Job[], from = layer): readonly Parsed[] {
  const folder = mkdtempSync(join(directory, 'parse-'));
  const order = {
    bitbake,
    layer: resolve(from),
    folder,
    jobs: jobs.map(({ file, machine = qemuarm64, settings, append = '', texts, tasks }) => ({
      ...machine,
      series: machine.series ?? 'scarthgap',
      file: resolve(from, file),
      append,
      settings: { ...machine.settings, ...settings },
      texts: texts ?? [],
      tasks: tasks ?? [],
    })),
  };
  const input = JSON.stringify(order);
  const out = execFileSync('python3', ['test/yocto/bitbake.py'], {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return JSON.parse(out);
}

withBitbake('every recipe is parsed on every series, and the model agrees', () => {
  const texts = ['${SRC_URI}', '${LICENSE}', '${COMPATIBLE_HOST}', '${PN} ${PV}', '${RDEPENDS}'];
  for (const file of [prebuilt, script, conf]) {
    const machines = [qemuarm64, qemuarm, qemux86].flatMap((machine) =>
      series.map((one) => ({ ...machine, series: one, settings: remote })),
    );
    const found = parse(machines.map((machine) => ({ file, machine, texts })));
    const expected = evaluate(readRecipe(join(layer, file)), machines, texts);
    found.forEach((one, at) => {
      const where = `${file} on ${machines[at]?.system} of ${machines[at]?.series}`;
      assert.is(one.halted, '', where);
      assert.is(one.skipped, expected[at]?.skipped, where);
      assert.equal(one.values, expected[at]?.values, where);
    });
  }
});

withBitbake('it halts where the brace of an expression is the first one, as kirkstone did', () => {
  const copy = join(directory, 'layer');
  cpSync(layer, copy, { recursive: true });
  const path = join(copy, prebuilt);
  const right = "set(['armv7a', 'armv7ve', 'armv8a'])";
  const text = readFileSync(path, 'utf8');
  assert.ok(text.includes(right));
  writeFileSync(path, text.replace(right, "{'armv7a', 'armv7ve', 'armv8a'}"));
  const on = (one: string) => ({
    file: prebuilt,
    machine: { ...qemuarm, series: one },
    settings: remote,
  });
  const [old, young] = parse([on('kirkstone'), on('scarthgap')], copy);
  assert.match(old?.halted ?? '', /COMPATIBLE_HOST:arm.*'\{' was never closed/s);
  assert.is(young?.halted, '');
});

withBitbake('what would halt the parse skips the recipe, and is looked at again', () => {
  const there = join(directory, 'there');
  mkdirSync(there);
  writeFileSync(join(there, tarball), 'a tarball');
  const places = [
    `${directory}/none`,
    `file://${directory}/none`,
    'release',
    'file://release',
    'file:/release',
    '/two words',
    '/a;b',
    '/a*',
    '${NONE}/x',
    'htps://example.org',
    '',
  ];
  const wrong = parse(
    places.map((place) => ({ file: prebuilt, settings: { SOTA_AGENT_RELEASES: place } })),
  );
  wrong.forEach(({ halted, skipped }, at) => {
    assert.is(halted, '', places[at]);
    assert.match(skipped, /SOTA_AGENT_RELEASES|does not exist/, places[at]);
  });
  assert.ok(wrong[0]?.depends.includes(join(directory, 'none', tarball)));
  for (const place of [there, `${there}/`, `file://${there}`]) {
    const [found] = parse([{ file: prebuilt, settings: { SOTA_AGENT_RELEASES: place } }]);
    assert.is(`${found?.halted}${found?.skipped}`, '');
    assert.ok(found?.depends.includes(join(there, tarball)));
  }
});

withBitbake('the check of a local tarball runs with its functions and its checksum', () => {
  const text = 'a tarball';
  writeFileSync(join(directory, tarball), text);
  const settings = { SOTA_AGENT_RELEASES: directory };
  const tasks = ['sota_agent_check_tarball'];
  const append = join(directory, 'sota-agent_%.bbappend');
  const digest = createHash('sha256').update(text).digest('hex');
  writeFileSync(append, `SRC_URI[arm64.sha256sum] = "${digest}"\n`);
  const [bad, any, good] = parse([
    { file: prebuilt, settings, tasks },
    { file: prebuilt, settings: { ...settings, SOTA_AGENT_ACCEPT_ANY_TARBALL: '1' }, tasks },
    { file: prebuilt, settings, tasks, append },
  ]);
  assert.match(bad?.halted ?? '', /^fatal: .* but the recipe expects [0-9a-f]{64}: tarball and/);
  assert.is(any?.halted, '');
  assert.match(any?.said.at(-1) ?? '', /^warn: .* is used because SOTA_AGENT_ACCEPT_ANY_TARBALL/);
  const note = `note: ${directory}/${tarball} has the SHA-256 that the recipe expects`;
  assert.equal(good?.said, [note]);
});

withBitbake('PACKAGECONFIG of the agent reaches sota-agent-conf, and its signature', () => {
  const name = 'PACKAGECONFIG:pn-sota-agent';
  const settings: readonly Machine['settings'][] = [
    {},
    { [name]: 'opkg' },
    { [name]: 'swupdate unprivileged' },
    { 'PACKAGECONFIG:append:pn-sota-agent': ' opkg' },
    { [`${name}-node`]: 'opkg' },
  ];
  const found = parse(
    settings.map((one) => ({ file: conf, settings: one, texts: ['${SOTA_AGENT_INSTALLERS}'] })),
  );
  const values = ['', 'opkg', 'swupdate', 'opkg', 'opkg'];
  assert.equal(
    found.map((one) => `${one.halted}${one.values[0]}`),
    values,
  );
  const [none, opkg, swupdate, again] = found.map(({ hash }) => hash);
  assert.is(new Set([none, opkg, swupdate]).size, 3);
  assert.is(again, opkg);
});

test.run();
