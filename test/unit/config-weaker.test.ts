// Method: texts in, warnings out, word by word: what works and is weaker than the default, or is
// hardly meant that way. Those of the installers have tests of their own.
import { readSettings } from '../../src/config.ts';
import { complaintText } from '../../src/config/print.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('config: what is weaker than the default');

function warnings(text: string): readonly string[] {
  const found = readSettings({ file: 'c.toml', text, environment: {} });
  if (!found.ok) throw new Error(found.complaints.map(complaintText).join('\n'));
  return found.warnings.filter(({ key }) => !key.startsWith('installer.')).map(complaintText);
}

const address = 'give rvi.network_address, the address of this device as the node sees it';
const open =
  'rvi.listen is open to everybody who reaches it: RVI has no other guard there: ' +
  'give rvi.allow, the addresses of the node';
const unencrypted = (protocol: string, host: string, secure: string) =>
  `rvi.url is ${protocol}// to ${host}, which is not this device: nothing is encrypted, and ` +
  `nothing proves that it is the node: use ${secure} and rvi.tls_ca`;

const rows: readonly (readonly [text: string, said: readonly string[]])[] = [
  [
    '[rvi]\nstall = 30',
    [
      'c.toml:2: rvi.stall is not below 30 s, after which servers repeat the last chunk by ' +
        'themselves: a lost ack costs less time with 10',
    ],
  ],
  [
    '[rvi]\nurl = "http://10.0.0.2:8901"',
    [
      'default: rvi.listen is on loopback, where the node at 10.0.0.2 cannot deliver: ' +
        `listen on another address, or ${address}`,
      `c.toml:2: ${unencrypted('http:', '10.0.0.2', 'https')}`,
    ],
  ],
  ['[rvi]\nurl = "ws://10.0.0.2"', [`c.toml:2: ${unencrypted('ws:', '10.0.0.2', 'wss')}`]],
  ['[rvi]\nlisten = "10.0.0.2:9080"', [`c.toml:2: ${open}`]],
  [
    '[rvi]\nlisten = "10.0.0.2:9080"\nallow = ["10.0.0.1", "0.0.0.0/0"]',
    [
      'c.toml:3: rvi.allow contains 0.0.0.0/0, which allows every address: ' +
        'list only the addresses of the node',
    ],
  ],
  [
    '[rvi]\nallow = ["::/0"]',
    [
      'c.toml:2: rvi.allow contains ::/0, which allows every address: ' +
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
        'packages: leave it out if only the owner may',
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
    '[rvi]\nurl = "ws://[::1]:8808"\ndialect = "rvi-0.5"',
    '[rvi]\nurl = "wss://h"\ntls_ca = "/ca"',
    '[rvi]\nlisten = "10.0.0.2:9080"\nallow = ["10.0.0.1/32"]',
    '[rvi]\nlisten = "0.0.0.0:1"\nallow = ["10.0.0.1"]\nnetwork_address = "10.0.0.2:1"',
    '[rvi]\nlisten = "[::1]:1"\nnetwork_address = "host:1"',
    '[rvi]\nproxy = "http://proxy:3128"',
    '[rvi]\nproxy = "https://me:secret@proxy:3128"',
    '[rvi]\nproxy = "http://me:secret@127.0.0.1:3128"',
    '[policy]\naccept = "ask"',
    '[log]\nlevel = "debug"',
  ]) {
    assert.equal(warnings(text), [], text);
  }
});

test.run();
