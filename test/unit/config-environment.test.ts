// Tests environment variables: the test passes them and compares the settings or errors exactly.
import { readSettings } from '../../src/config.ts';
import { configErrorText } from '../../src/config/print.ts';
import { assert, suite } from '../support/suite.ts';
import type { Environment } from '../../src/config.ts';

const test = suite('config: the environment');

const read = (environment: Environment) => readSettings({ file: 'c.toml', text: '', environment });

function errors(environment: Environment): readonly string[] {
  const configuration = read(environment);
  return configuration.ok ? [] : configuration.errors.map(configErrorText);
}

/** Returns the warnings without those of the installers, which config-installers.test.ts tests. */
function warnings(environment: Environment): readonly string[] {
  const configuration = read(environment);
  if (!configuration.ok) throw new Error(configuration.errors.map(configErrorText).join('\n'));
  return configuration.warnings
    .filter(({ key }) => !key.startsWith('installer.'))
    .map(configErrorText);
}

const wrongVariables: readonly (readonly [string, string, string])[] = [
  [
    'SOTA_AGENT_RVI_STAL',
    '3',
    'environment: SOTA_AGENT_RVI_STAL does not name a key: ' +
      'did you mean SOTA_AGENT_RVI_STALL_TIMEOUT?',
  ],
  [
    'SOTA_AGENT_LOG_COLOUR',
    '1',
    'environment: SOTA_AGENT_LOG_COLOUR does not name a key: unset it',
  ],
  [
    'SOTA_AGENT_LGO_LEVEL',
    'info',
    'environment: SOTA_AGENT_LGO_LEVEL does not name a key: did you mean SOTA_AGENT_LOG_LEVEL?',
  ],
  [
    'SOTA_AGENT_INSTALLER_MAX_ATTEMPTS',
    'three',
    'environment SOTA_AGENT_INSTALLER_MAX_ATTEMPTS: installer.max_attempts is "three": ' +
      'write a whole number from 1 to 28',
  ],
  [
    'SOTA_AGENT_REBOOT_ARGS',
    'reboot now',
    'environment SOTA_AGENT_REBOOT_ARGS: reboot.args is "reboot now": ' +
      'write a list of strings such as ["reboot"]',
  ],
  [
    'SOTA_AGENT_REBOOT_ARGS',
    '["a"]\nx = 1',
    'environment SOTA_AGENT_REBOOT_ARGS: reboot.args is "[\\"a\\"]\\nx = 1": ' +
      'write a list of strings such as ["reboot"]',
  ],
];

for (const [name, value, said] of wrongVariables) {
  test(`refuses ${name}=${JSON.stringify(value)}`, () => {
    assert.equal(errors({ [name]: value }), [said]);
  });
}

test('warns of a variable that resembles no key, because it may belong to a service', () => {
  assert.equal(warnings({ SOTA_AGENT_PORT_8901_TCP: 'tcp://10.0.0.1:8901' }), [
    'environment: SOTA_AGENT_PORT_8901_TCP does not name a key: unset it',
  ]);
});

test('ignores the variable that names the cache of the build', () => {
  assert.equal(warnings({ SOTA_AGENT_CACHE: '/var/cache/sota-agent' }), []);
});

test.run();
