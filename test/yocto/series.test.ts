// Tests the values of the recipes on each machine and each series, after the recipes' own Python
// has run. The rules are those of base.bbclass and of licences.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { evaluate, qemuarm, qemuarm64, qemux86 } from './datastore.ts';
import type { Machine } from './datastore.ts';
import { layer, readRecipe } from './recipe.ts';

const test = suite('the recipes on every machine and series');
const withPython = test.needs('python3', hasProgram('python3'));

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const node = 'dynamic-layers/openembedded-layer/recipes-sota/sota-agent-node';
const prebuilt = readRecipe(join(layer, `recipes-sota/sota-agent/sota-agent_${version}.bb`));
const script = readRecipe(join(layer, node, `sota-agent-node_${version}.bb`));
const series = ['kirkstone', 'scarthgap', 'walnascar', 'whinlatter', 'wrynose', 'blacksail'];
const release = { SOTA_AGENT_RELEASES: 'https://releases.example.org/' };
const withRelease = (machine: Machine): Machine => ({ ...machine, settings: release });

const musl = (machine: Machine, system: string): Machine => ({
  ...machine,
  system,
  overrides: machine.overrides.replace('libc-glibc', 'libc-musl'),
});
const armWith = (features: string, version: string): Machine => ({
  ...qemuarm,
  features,
  overrides: qemuarm.overrides.replace('armv7ve', version),
});

const machines: { readonly [name: string]: Machine } = {
  qemuarm64,
  'aarch64 of a vendor without a name': { ...qemuarm64, system: 'aarch64-linux' },
  qemuarm,
  'cortexa15hf-neon': armWith('arm armv7a vfp neon callconvention-hard cortexa15', 'armv7a'),
  'cortexa32, ARMv8 of 32 bits': armWith('armv8a crc callconvention-hard cortexa32', 'armv8a'),
  'cortexa15-neon, soft float calls': armWith('arm armv7a vfp neon cortexa15', 'armv7a'),
  'arm1176jzfshf, ARMv6': armWith('arm armv6 vfp callconvention-hard', 'armv6'),
  qemuarmv5: armWith('arm armv5 thumb dsp', 'armv5'),
  'aarch64 with musl': musl(qemuarm64, 'aarch64-oe-linux-musl'),
  'arm with musl': musl(qemuarm, 'arm-oe-linux-musleabi'),
  'aarch64, big endian': {
    ...qemuarm64,
    system: 'aarch64_be-oe-linux',
    overrides: qemuarm64.overrides.replace('aarch64', 'aarch64-be'),
  },
  'aarch64 without Linux': { ...qemuarm64, system: 'aarch64-oe-elf' },
  'qemux86-64': qemux86,
  qemumips: { ...qemux86, system: 'mips-oe-linux', overrides: 'linux:mips:qemumips' },
  qemuriscv64: { ...qemux86, system: 'riscv64-oe-linux', overrides: 'linux:riscv64:qemuriscv64' },
};
const able = Object.keys(machines).slice(0, 5);
const others = Object.keys(machines).slice(5);
const all = Object.values(machines).map(withRelease);

withPython('hosts that cannot run the executable are skipped, and no other', () => {
  const found = evaluate(prebuilt, all);
  const names = Object.keys(machines);
  const taken = names.filter((_, at) => found[at]?.skipped === '');
  assert.equal(taken, able);
  const reasons = names.map((_, at) => found[at]?.skipped).filter((why) => why !== '');
  assert.equal(
    reasons,
    others.map(() => 'incompatible with host'),
  );
});

withPython('every series parses every expression, on every machine', () => {
  for (const one of series) {
    const found = evaluate(
      prebuilt,
      all.map((machine) => ({ ...machine, series: one })),
    );
    const names = Object.keys(machines);
    assert.equal(
      names.filter((_, at) => found[at]?.skipped === ''),
      able,
      one,
    );
  }
});

withPython('the script runs anywhere, where the series has a nodejs that is new enough', () => {
  for (const { skipped } of evaluate(script, all)) assert.is(skipped, '');
  const found = evaluate(
    script,
    series.map((one) => ({ ...withRelease(qemux86), series: one })),
  );
  const [onKirkstone = '', ...onOthers] = found.map(({ skipped }) => skipped);
  assert.match(onKirkstone, /^needs nodejs 20 or newer, .* nodejs 16 \(of kirkstone\): use /);
  assert.equal(onOthers, ['', '', '', '', '']);
  const settings = { ...release, PREFERRED_VERSION_nodejs: '22.%' };
  const [newer] = evaluate(script, [{ ...qemux86, series: 'kirkstone', settings }]);
  assert.is(newer?.skipped, '');
});

withPython('a release that lies nowhere is said where bitbake looks', () => {
  for (const recipe of [prebuilt, script]) {
    assert.is(recipe.variables.get('SOTA_AGENT_RELEASES'), '');
    const [found] = evaluate(recipe, [qemuarm64]);
    assert.match(found?.skipped ?? '', /^set SOTA_AGENT_RELEASES to the folder .* such as \/path/);
  }
});

withPython('on every CPU a recipe names the tarball and the licences that this one has', () => {
  const texts = ['${SRC_URI}', '${LIC_FILES_CHKSUM}', '${CVE_VERSION}'];
  const bundle = ['LICENSE', 'LICENSE.smol-toml', 'LICENSE.ws'];
  const licences = (value = '') =>
    value
      .trim()
      .split(/\s+/)
      .map((one) => /^file:\/\/(.*);md5=[0-9a-f]{32}$/.exec(one)?.[1]);
  const targets = ['linux-arm64', 'linux-armv7l'];
  const both = [qemuarm64, qemuarm].map(withRelease);
  evaluate(prebuilt, both, texts).forEach(({ values: [source, files, cve] }, at) => {
    const target = targets[at] ?? '';
    const name = target.replace('linux-', '');
    const file = `sota-agent-${version}-${target}.tar.gz`;
    assert.is(source, `https://releases.example.org/${file};name=${name}`);
    assert.match(prebuilt.variables.get(`SRC_URI[${name}.sha256sum]`) ?? '', /^[0-9a-f]{64}$/);
    assert.equal(licences(files), [...bundle, 'LICENSE.node']);
    assert.match(cve ?? '', /^\d+\.\d+\.\d+$/);
  });
  for (const {
    values: [source, files],
  } of evaluate(script, all, texts)) {
    assert.is(source, `https://releases.example.org/sota-agent-node-${version}.tar.gz;name=node`);
    assert.equal(licences(files), bundle);
  }
});

withPython('each series reads the list of licences in its own syntax', () => {
  const bundle = ['MPL-2.0', 'MIT', 'BSD-3-Clause'];
  const more = ['ISC', 'BSD-2-Clause', 'Apache-2.0', 'Zlib'];
  for (const [recipe, wanted] of [
    [prebuilt, [...bundle, ...more]],
    [script, bundle],
  ] as const) {
    const on = series.slice(1).map((one) => ({ ...withRelease(qemuarm64), series: one }));
    evaluate(recipe, on, ['${LICENSE}']).forEach(({ values: [licence = ''] }, at) => {
      const between = on[at]?.series === 'blacksail' ? ' AND ' : ' & ';
      assert.equal(licence.split(between).sort(), [...wanted].sort(), on[at]?.series);
    });
  }
});

withPython('QA is skipped for 32 bits only, and only what Node cannot help', () => {
  const both = [qemuarm64, qemuarm].map(withRelease);
  const skips = evaluate(prebuilt, both, ['${INSANE_SKIP:sota-agent}']);
  // A variable without a value stays as it is written.
  assert.equal(
    skips.map(({ values: [value] }) => value?.trim()),
    ['${INSANE_SKIP:sota-agent}', 'ldflags 32bit-time'],
  );
});

test('the layer names the series that it was held against', () => {
  const conf = readFileSync(join(layer, 'conf/layer.conf'), 'utf8');
  assert.is(/^LAYERSERIES_COMPAT_sota-agent = "(.*)"$/m.exec(conf)?.[1], series.join(' '));
});

test.run();
