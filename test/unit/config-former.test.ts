// Tests configurations with the keys and values of version 0.1.0, in a file and in the environment:
// the settings must equal those of the current keys, with one warning for each old name.
import { knownKeys, readSettings, variableOf } from '../../src/config.ts';
import { configErrorText, printEntries } from '../../src/config/print.ts';
import { formerKeys } from '../support/former-keys.ts';
import { assert, suite } from '../support/suite.ts';
import type { Environment } from '../../src/config.ts';

const test = suite('former names of the configuration');

function good(text: string, environment: Environment = {}) {
  const read = readSettings({ file: 'c.toml', text, environment });
  if (!read.ok) throw new Error(read.errors.map(configErrorText).join('\n'));
  return read;
}

const all = [...formerKeys];
const texts = all.map(([former, , old]) => `${former} = ${old}`);
const expected = good(all.map(([, current, , value]) => `${current} = ${value}`).join('\n'));

function warningsOf(text: string, environment: Environment = {}): readonly string[] {
  return good(text, environment)
    .warnings.filter(({ problem }) => problem.includes('deprecated'))
    .map(configErrorText);
}

test('no key has a former name that is another key', () => {
  const known = knownKeys();
  for (const [former, current] of all) {
    assert.ok(known.includes(current), current);
    assert.is(known.includes(former), former === current, former);
  }
});

test('a file of version 0.1.0 gives the same settings, and one warning for each old name', () => {
  assert.equal(good(texts.join('\n')).settings, expected.settings);
  const warnings = warningsOf(texts.join('\n'));
  assert.is(warnings.length, all.length);
  for (const [at, [former, current]] of all.entries()) {
    const own = warnings.filter((one) => one.startsWith(`c.toml:${at + 1}: ${former} `));
    assert.is(own.length, 1, former);
    assert.ok(own[0]?.includes(current), own[0]);
  }
  assert.equal(warningsOf(''), []);
});

test('old names in the environment, the same', () => {
  const environment: { [name: string]: string } = {};
  for (const [former, , old] of all) {
    environment[variableOf(former)] = old.startsWith('"') ? old.slice(1, -1) : old;
  }
  assert.equal(good('', environment).settings, expected.settings);
  const warnings = warningsOf('', environment);
  assert.is(warnings.length, all.length);
  for (const [former] of all) {
    const start = `environment ${variableOf(former)}: ${former} `;
    assert.is(warnings.filter((one) => one.startsWith(start)).length, 1, former);
  }
});

test('config prints the current names, with the place of the old ones', () => {
  const { entries } = good('[policy]\naccept = "ask"');
  const shown = printEntries(entries);
  assert.match(shown, /^consent = "required" +# c\.toml:2$/m);
  assert.equal(warningsOf(shown), []);
});

const warned: readonly (readonly [string, Environment, string])[] = [
  [
    '[rvi]\nstall = 4',
    {},
    'c.toml:2: rvi.stall is a deprecated name of rvi.stall_timeout: rename it to rvi.stall_timeout',
  ],
  [
    '[policy]\naccept = "ask"',
    {},
    'c.toml:2: policy.accept is a deprecated name of policy.consent: ' +
      'write policy.consent = "required"',
  ],
  [
    '[policy]\nconsent = "auto"',
    {},
    'c.toml:2: policy.consent is the deprecated "auto": write "automatic"',
  ],
  [
    'installer.rules = [{ name = "a", installer = "opkg" }, { name = "b", use = "opkg" }]',
    {},
    'c.toml:1: installer.rules has the deprecated name "use" in rule 2: rename it to "installer"',
  ],
  [
    '',
    { SOTA_AGENT_RVI_STALL: '4' },
    'environment SOTA_AGENT_RVI_STALL: rvi.stall is a deprecated name of rvi.stall_timeout: ' +
      'set SOTA_AGENT_RVI_STALL_TIMEOUT instead',
  ],
  [
    '',
    { SOTA_AGENT_POLICY_ACCEPT: 'ask' },
    'environment SOTA_AGENT_POLICY_ACCEPT: policy.accept is a deprecated name of ' +
      'policy.consent: set SOTA_AGENT_POLICY_CONSENT=required',
  ],
];

for (const [text, environment, warning] of warned) {
  test(`warns: ${warning}`, () => assert.equal(warningsOf(text, environment), [warning]));
}

const refused: readonly (readonly [string, Environment, string])[] = [
  [
    '[rvi]\nstall_timeout = 3\nack = "full"\nstall = 4',
    {},
    'c.toml:4: rvi.stall is a deprecated name of rvi.stall_timeout, which line 2 sets: ' +
      'remove one of the two lines',
  ],
  [
    '[rvi]\nstall = 4\nstall_timeout = 4',
    {},
    'c.toml:2: rvi.stall is a deprecated name of rvi.stall_timeout, which line 3 sets: ' +
      'remove one of the two lines',
  ],
  [
    '',
    { SOTA_AGENT_RVI_STALL_TIMEOUT: '4', SOTA_AGENT_RVI_STALL: '4' },
    'environment SOTA_AGENT_RVI_STALL: rvi.stall is a deprecated name of rvi.stall_timeout, ' +
      'which SOTA_AGENT_RVI_STALL_TIMEOUT sets: unset SOTA_AGENT_RVI_STALL',
  ],
  [
    '[installer]\nrules = [{ name = "a", use = "opkg", installer = "opkg" }]',
    {},
    'c.toml:2: installer.rules is [{ name = "a", use = "opkg", installer = "opkg" }]: ' +
      'write "installer" without its deprecated name "use" in rule 1',
  ],
  ['[rvi]\nstall = -1', {}, 'c.toml:2: rvi.stall is -1: write a number of seconds from 0.1 to 600'],
  [
    '[rvi]\nregister_evry = 1',
    {},
    'c.toml:2: rvi.register_evry is not a known key: did you mean rvi.register_interval?',
  ],
];

for (const [text, environment, error] of refused) {
  test(`refuses: ${error}`, () => {
    const read = readSettings({ file: 'c.toml', text, environment });
    assert.equal(read.ok ? [] : read.errors.map(configErrorText), [error]);
  });
}

test('a variable overrides the file, whichever of them has the former name', () => {
  const file = good('[rvi]\nstall = 4', { SOTA_AGENT_RVI_STALL_TIMEOUT: '5' });
  assert.is(file.settings.rvi.stallTimeoutMs, 5_000);
  const variable = good('[rvi]\nstall_timeout = 4', { SOTA_AGENT_RVI_STALL: '5' });
  assert.is(variable.settings.rvi.stallTimeoutMs, 5_000);
});

test.run();
