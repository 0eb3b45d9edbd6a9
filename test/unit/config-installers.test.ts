// Tests the installers in the configuration: the test passes texts and compares the enabled
// installers, the errors and the warnings.
import { readSettings } from '../../src/config.ts';
import { configErrorText, printEntries } from '../../src/config/print.ts';
import { forbiddenArgument, hasPublicKey } from '../../src/install/swupdate/settings.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('which installers exist');

function read(text: string, environment: { readonly [name: string]: string } = {}) {
  return readSettings({ file: 'c.toml', text, environment });
}

function good(text: string, environment: { readonly [name: string]: string } = {}) {
  const configuration = read(text, environment);
  if (!configuration.ok) throw new Error(configuration.errors.map(configErrorText).join('\n'));
  return configuration;
}

const enabledBy = (text: string) => good(text).settings.installer.enabled;
const warnings = (text: string) => good(text).warnings.map(configErrorText);
function errors(text: string): readonly string[] {
  const configuration = read(text);
  return configuration.ok ? [] : configuration.errors.map(configErrorText);
}

const key = '[installer.swupdate]\nargs = ["-k", "/etc/key.pem"]';

for (const [what, text, expected] of [
  ['nothing is configured', '', []],
  ['the list is empty', `[installer]\nenabled = []\n${key}`, []],
  ['opkg has a key', '[installer.opkg]\nargs = []', ['opkg']],
  ['the command has a program', '[installer.command]\nprogram = "x"', ['command']],
  [
    'both have',
    '[installer.opkg]\nargs = []\n[installer.command]\nprogram = "x"',
    ['opkg', 'command'],
  ],
  ['SWUpdate has a key', key, ['swupdate']],
  ['SWUpdate and opkg have', `[installer.opkg]\nargs = []\n${key}`, ['swupdate']],
  ['SWUpdate and the command have', `[installer.command]\nprogram = "x"\n${key}`, ['swupdate']],
  [
    'the default names one of two, so that nobody else chooses',
    `[installer]\ndefault = "command"\ncommand.program = "x"\n${key}`,
    ['swupdate', 'command'],
  ],
  ['the default names one', '[installer]\ndefault = "opkg"', ['opkg']],
  ['a rule names one', '[installer]\nrules = [{ name = "*", use = "swupdate" }]', ['swupdate']],
  ['one is listed', `[installer]\nenabled = ["opkg"]\n${key}`, ['opkg']],
  [
    'two are listed, one twice',
    `[installer]\nenabled = ["swupdate", "opkg", "swupdate"]\n${key}`,
    ['swupdate', 'opkg'],
  ],
  ['other keys stand there', '[installer]\nattempts = 2\ntimeout = 5', []],
] as const) {
  test(`where ${what}: ${expected.join(' and ') || 'none'}`, () => {
    assert.equal(enabledBy(text), expected);
    const shown = printEntries(good(text).entries);
    assert.equal(good(shown).settings, good(text).settings, 'what is shown means the same');
  });
}

test('takes the keys from the environment for the same', () => {
  const environment = { SOTA_AGENT_INSTALLER_COMMAND_PROGRAM: '/usr/bin/x' };
  assert.equal(good('', environment).settings.installer.enabled, ['command']);
  const listed = { ...environment, SOTA_AGENT_INSTALLER_ENABLED: '["swupdate"]' };
  assert.equal(good('', listed).settings.installer.enabled, ['swupdate']);
});

test('refuses a name that is no installer, and what is no list', () => {
  for (const value of ['["rpm"]', '"opkg"', '[1]', 'true', '["Opkg"]', '[["opkg"]]']) {
    assert.match(
      errors(`[installer]\nenabled = ${value}`).join(),
      /installer\.enabled is .*: write a list of "opkg", "swupdate", "command"/,
    );
  }
});

test('refuses a default or a rule that names one that is not enabled, and names both keys', () => {
  const rule = 'rules = [{ name = "a", use = "swupdate" }, { name = "b", use = "opkg" }]';
  assert.equal(errors(`[installer]\nenabled = ["swupdate"]\ndefault = "opkg"\n${rule}`), [
    'c.toml:3: installer.default names the installer "opkg", which installer.enabled does not ' +
      'list: add "opkg" to installer.enabled',
    'c.toml:4: installer.rules names the installer "opkg", which installer.enabled does not ' +
      'list: add "opkg" to installer.enabled',
  ]);
  const unset = errors(`[installer]\n${rule}`).join();
  assert.match(unset, /installer\.rules .*installer\.enabled is not/);
  const empty = errors('[installer]\nenabled = []\ndefault = "command"').join();
  assert.match(empty, /installer\.enabled/);
});

test('refuses the command without a program', () => {
  assert.match(errors('[installer]\nenabled = ["command"]').join(), /which has no program/);
});

for (const [what, text, expected] of [
  ['no installer', '', /installer\.enabled lists no installer.*write installer\.enabled = /],
  ['opkg', '[installer]\nenabled = ["opkg"]', /lists opkg: the signature .* is not checked/],
  ['a command', '[installer.command]\nprogram = "x"', /lists command: .* checks no signature/],
  [
    'SWUpdate without a key',
    '[installer]\nenabled = ["swupdate"]',
    /swupdate\.args has no public key \(-k\): .*daemon/,
  ],
  [
    'an unsigned one beside a signed one',
    `[installer]\nenabled = ["swupdate", "opkg"]\n${key}`,
    /lists opkg, which checks no signature, next to swupdate: the sender .* chooses/,
  ],
  [
    'a section of one that is not enabled',
    `[installer.opkg]\nargs = ["x"]\n${key}`,
    /installer\.opkg\.args has no effect: .*installer\.enabled/,
  ],
] as const) {
  test(`warns of ${what}`, () => assert.match(warnings(text).join('\n'), expected));
}

test('has nothing to say of SWUpdate with a key alone', () => {
  assert.equal(warnings(`[installer]\nenabled = ["swupdate"]\n${key}`), []);
  assert.equal(warnings(key), []);
});

const without: readonly (readonly string[])[] = [
  ['-n'],
  ['--dry-run'],
  ['--dry'],
  ['-c'],
  ['--check'],
  ['-vn'],
  ['-k', '/key', '-n'],
  ['-k/key', '-c'],
  ['-i', '/other.swu'],
  ['--image=/other.swu'],
  ['-h'],
  ['--version'],
  ['-g'],
];
const proper: readonly (readonly string[])[] = [
  [],
  ['-k', '/key'],
  ['-k', '-n'],
  ['-e', 'stable,copy1', '-H', 'a:1.0', '-v', '-M'],
  ['-N', '1.0', '--no-reinstalling', '1.0', '--max-version', '-n'],
  ['-f', '/etc/swupdate.cfg', '--select', 'a,b'],
  ['-P', '-c', '-p', 'reboot -n'],
];

test('refuses arguments with which SWUpdate installs nothing and reports success', () => {
  for (const args of without) assert.ok(forbiddenArgument(args) !== undefined, args.join(' '));
  for (const args of proper) assert.is(forbiddenArgument(args), undefined, args.join(' '));
  assert.match(
    errors('[installer.swupdate]\nargs = ["-k", "/key", "-n"]').join(),
    /installer\.swupdate\.args has -n: SWUpdate then installs nothing.*: remove it/,
  );
});

test('sees a public key however it is given', () => {
  const given = [['-k', '/key'], ['-k/key'], ['--key', '/key'], ['--key=/key'], ['-vk', 'x']];
  for (const args of given) {
    assert.ok(hasPublicKey(args), args.join(' '));
  }
  for (const args of [[], ['-K', '/aes'], ['-f', '-k'], ['--key-aes', '/aes']]) {
    assert.not.ok(hasPublicKey(args), args.join(' '));
  }
});

test.run();
