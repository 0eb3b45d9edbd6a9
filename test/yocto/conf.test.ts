// Tests do_install of sota-agent-conf over configurations as integrators write them, and reads the
// results as TOML. The state directory and the installers must be set, or left as the file has
// them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { install } from './install.ts';
import { layer, readRecipe } from './recipe.ts';
import type { Settings } from './install.ts';

const test = suite('the configuration of sota-agent-conf');
const withPython = test.needs('python3', hasProgram('python3'));
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-conf-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const conf = readRecipe(join(layer, 'recipes-sota/sota-agent-conf/sota-agent-conf_1.0.bb'));
const shipped = readFileSync('targets/config/config.toml', 'utf8');
const packageConfig = (name: string, value: string) => ({ [`PACKAGECONFIG:pn-${name}`]: value });
const opkg = packageConfig('sota-agent', 'opkg');
const section = (text: string, name: string) => Object(parse(text)[name]);

function made(text: string, settings: Settings) {
  writeFileSync(join(directory, 'config.toml'), text);
  const image = join(directory, 'image');
  rmSync(image, { recursive: true, force: true });
  const warnings = install(conf, { image, source: directory, settings });
  return { written: readFileSync(join(image, 'etc/sota-agent/config.toml'), 'utf8'), warnings };
}

withPython('the place of the state is set, unless the file names one', () => {
  const settings = { SOTA_AGENT_STATE_DIR: '/data/sota' };
  const dir = 'dir = "/data/sota"';
  assert.match(made(shipped, settings).written, /^\[storage\]\n.*\ndir = "\/data\/sota"$/m);
  const rvi = '[rvi]\nurl = "http://127.0.0.1:8901"\n';
  assert.is(made(rvi, settings).written, `${rvi}\n[storage]\n${dir}\n`);
  const [header, reserve] = ['[storage] # of ours', 'reserve = "8 MiB"\n'];
  assert.is(made(`${header}\n${reserve}`, settings).written, `${header}\n${dir}\n${reserve}`);
  // A section after dotted keys of the same name would be invalid TOML.
  const dotted = made(`storage.${reserve}`, settings).written;
  const both = '{"dir":"/data/sota","reserve":"8 MiB"}';
  assert.is(JSON.stringify(section(dotted, 'storage')), both);
  const own = ['[storage]\ndir = "/x"\n', 'storage.dir = "/x"\n', 'storage = { dir = "/x" }\n'];
  for (const text of own) assert.is(made(text, settings).written, text);
  // The same key in another section does not belong to the storage.
  const other = made('[installer.command]\ndir = "/x"\n', settings).written;
  assert.is(section(other, 'storage')['dir'], '/data/sota');
});

withPython('the installers of PACKAGECONFIG are enabled', () => {
  const chosen: readonly (readonly [Settings, readonly string[]])[] = [
    [opkg, ['opkg']],
    [packageConfig('sota-agent', 'unprivileged swupdate'), ['swupdate']],
    [packageConfig('sota-agent', 'swupdate opkg'), ['opkg', 'swupdate']],
    [packageConfig('sota-agent-node', 'opkg'), ['opkg']],
    [{ ...opkg, ...packageConfig('sota-agent-node', 'swupdate') }, ['opkg']],
    [{ SOTA_AGENT_INSTALLERS: 'command' }, ['command']],
    [{ ...opkg, SOTA_AGENT_INSTALLERS: 'swupdate' }, ['swupdate']],
  ];
  for (const [settings, names] of chosen) {
    const { written, warnings } = made(shipped, settings);
    assert.equal(section(written, 'installer')['enabled'], names);
    assert.is(warnings, '');
  }
  for (const settings of [{}, packageConfig('sota-agent', 'unprivileged')]) {
    assert.is(section(made(shipped, settings).written, 'installer')['enabled'], undefined);
  }
  assert.throws(() => made(shipped, { SOTA_AGENT_INSTALLERS: 'rpm' }), /has "rpm": give opkg/);
});

withPython('each shape that TOML has for a section gets the key', () => {
  const shapes = [
    '',
    '[installer]\n',
    '[ installer ] # mine\nattempts = 2\n',
    'installer.attempts = 2\n[rvi]\n',
    '[installer]\n#enabled = []\n',
    '[installer]\nattempts = 2\n\n[installer.opkg]\nargs = ["-V1"]\n',
    '[installer.opkg]\nargs = ["-V1"]\n',
    '[rvi]\r\n[installer]\r\n',
    '[installer]\ndefault = "opkg"\n',
    '[rvi]\nenabled = 1\n',
  ];
  for (const shape of shapes) {
    const { written, warnings } = made(shape, opkg);
    assert.equal(section(written, 'installer')['enabled'], ['opkg'], shape);
    assert.is(warnings, '');
  }
});

withPython('a configuration that says otherwise wins, and a build says so', () => {
  const lists = [
    '[installer]\nenabled = ["command"]\n',
    'installer.enabled = []\n',
    'installer = { enabled = ["swupdate"] }\n',
    '[installer]\n"enabled" = []\n',
    '[installer]\nenabled = ["command"]\n[installer.command]\nprogram = "/usr/bin/x"\n',
  ];
  for (const own of lists) {
    const { written, warnings } = made(own, opkg);
    assert.is(warnings, '');
    assert.is(
      JSON.stringify(section(written, 'installer')),
      JSON.stringify(section(own, 'installer')),
    );
  }
  const implied = [
    '[installer.swupdate]\nargs = ["-k", "/x"]\n',
    'installer.default = "command"\n',
    'installer.command.program = "/usr/bin/x"\n',
    '[installer]\nrules = [{ name = "*", installer = "swupdate" }]\n',
    '[installer]\nrules = [{ name = "*", use = "swupdate" }]\n',
  ];
  for (const own of implied) {
    const { written, warnings } = made(own, opkg);
    assert.is(section(written, 'installer')['enabled'], undefined, own);
    assert.match(warnings, /configures the installer \w+, .* not among "opkg" of PACKAGECONFIG/);
  }
});

test.run();
