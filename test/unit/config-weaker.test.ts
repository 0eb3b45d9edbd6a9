// Tests warnings about settings that work but are weaker than the default, or are probably not
// intended: the test passes texts and compares the warnings exactly. config-installers.test.ts
// tests the warnings about installers.
import { readSettings } from '../../src/config.ts';
import { configErrorText } from '../../src/config/print.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('config: what is weaker than the default');

function warnings(text: string): readonly string[] {
  const found = readSettings({ file: 'c.toml', text, environment: {} });
  if (!found.ok) throw new Error(found.errors.map(configErrorText).join('\n'));
  return found.warnings.filter(({ key }) => !key.startsWith('installer.')).map(configErrorText);
}

const address = 'set rvi.network_address to the address at which the node reaches this device';
const open =
  'rvi.listen accepts every sender that reaches it: RVI has no authentication there: ' +
  'set rvi.allowed_peers to the addresses of the node';
const unencrypted = (protocol: string, host: string, secure: string) =>
  `rvi.url is ${protocol}// to ${host}, which is not this device: the connection ` +
  `is not encrypted, and the node is not authenticated: use ${secure} and rvi.tls_ca`;

const rows: readonly (readonly [text: string, said: readonly string[]])[] = [
  [
    '[rvi]\nstall_timeout = 30',
    [
      'c.toml:2: rvi.stall_timeout is not below 30 s, after which servers repeat the last chunk ' +
        'on their own: set it to 10: a lost ack then costs less time',
    ],
  ],
  [
    '[rvi]\nurl = "http://10.0.0.2:8901"',
    [
      'default: rvi.listen is on loopback, which the node at 10.0.0.2 cannot reach: ' +
        `listen on another address, or ${address}`,
      `c.toml:2: ${unencrypted('http:', '10.0.0.2', 'https')}`,
    ],
  ],
  ['[rvi]\nurl = "ws://10.0.0.2"', [`c.toml:2: ${unencrypted('ws:', '10.0.0.2', 'wss')}`]],
  ['[rvi]\nlisten = "10.0.0.2:9080"', [`c.toml:2: ${open}`]],
  [
    '[rvi]\nlisten = "10.0.0.2:9080"\nallowed_peers = ["10.0.0.1", "0.0.0.0/0"]',
    [
      'c.toml:3: rvi.allowed_peers contains 0.0.0.0/0, which allows every address: ' +
        'list only the addresses of the node',
    ],
  ],
  [
    '[rvi]\nallowed_peers = ["::/0"]',
    [
      'c.toml:2: rvi.allowed_peers contains ::/0, which allows every address: ' +
        'list only the addresses of the node',
    ],
  ],
  [
    '[rvi]\nproxy = "http://me:secret@proxy:3128"',
    ['c.toml:2: rvi.proxy sends its password unencrypted: use an https URL of the proxy'],
  ],
  [
    '[control]\ngroup = "sota"',
    [
      'c.toml:2: control.group lets every member of the group "sota" accept and decline ' +
        'packages: remove it if only the owner may do so',
    ],
  ],
];

for (const [text, said] of rows) {
  test(`warns of ${JSON.stringify(text)}`, () => assert.equal(warnings(text), said));
}

test('has no warning for what is as strong as the default', () => {
  for (const text of [
    '',
    '[rvi]\nurl = "http://localhost:8901"',
    '[rvi]\nurl = "ws://[::1]:8808"\nnode_dialect = "rvi-0.5"',
    '[rvi]\nurl = "wss://h"\ntls_ca = "/ca"',
    '[rvi]\nlisten = "10.0.0.2:9080"\nallowed_peers = ["10.0.0.1/32"]',
    '[rvi]\nlisten = "0.0.0.0:1"\nallowed_peers = ["10.0.0.1"]\nnetwork_address = "10.0.0.2:1"',
    '[rvi]\nlisten = "[::1]:1"\nnetwork_address = "host:1"',
    '[rvi]\nproxy = "http://proxy:3128"',
    '[rvi]\nproxy = "https://me:secret@proxy:3128"',
    '[rvi]\nproxy = "http://me:secret@127.0.0.1:3128"',
    '[policy]\nconsent = "required"',
    '[log]\nlevel = "debug"',
  ]) {
    assert.equal(warnings(text), [], text);
  }
});

test.run();
