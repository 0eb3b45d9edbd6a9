// Tests conflicts between keys that are each valid: the test passes texts and compares the errors.
// Conflicts are: the agent is its own node, a socket or file has a name of the store, a rule never
// applies.
import { readSettings } from '../../src/config.ts';
import { configErrorText } from '../../src/config/print.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('config: keys that conflict');

function read(text: string) {
  const found = readSettings({ file: 'c.toml', text, environment: {} });
  const all = found.ok ? found.warnings : found.errors;
  return { ok: found.ok, said: all.map(configErrorText) };
}

function rvi(keys: { readonly [key: string]: unknown }): string {
  const lines = Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
  return `[rvi]\n${lines.join('')}`;
}

function isSelf(text: string): boolean {
  const { ok, said } = read(text);
  const both = /rvi\.(url|proxy).*rvi\.(listen|network_address)/;
  return !ok && said.length === 1 && both.test(said[0] ?? '');
}

test('refuses a node that is the agent itself, and names both keys', () => {
  assert.equal(read(rvi({ url: 'http://127.0.0.1:9917', listen: '127.0.0.1:9917' })).said, [
    "c.toml:2: rvi.url is http://127.0.0.1:9917, the agent's own rvi.listen (127.0.0.1:9917): " +
      'write the address of the node, or another port in rvi.listen',
  ]);
  assert.equal(read(rvi({ listen: '127.0.0.1:8901' })).said, [
    "default: rvi.url is http://127.0.0.1:8901, the agent's own rvi.listen (127.0.0.1:8901): " +
      'write the address of the node, or another port in rvi.listen',
  ]);
});

const network = { network_address: '10.0.0.2:9080', allow: ['10.0.0.1'] };
for (const [url, listen, more] of [
  ['http://127.0.0.1:9080/rpc?x', '127.0.0.1:9080', {}],
  ['https://127.0.0.1:9080', '127.0.0.1:9080', {}],
  ['http://127.1:9080', '127.0.0.1:9080', {}],
  ['http://0x7f000001:9080', '127.0.0.1:9080', {}],
  ['http://LOCALHOST:9080', '127.0.0.1:9080', {}],
  ['http://localhost.:9080', '127.0.0.1:9080', {}],
  ['http://127.0.0.1:9080', 'localhost:9080', {}],
  ['http://localhost:9080', 'localhost:9080', {}],
  ['http://0.0.0.0:9080', '127.0.0.1:9080', {}],
  ['http://[::ffff:127.0.0.1]:9080', '127.0.0.1:9080', {}],
  ['http://127.0.0.1', '127.0.0.1:80', {}],
  ['https://127.0.0.1', '127.0.0.1:443', {}],
  ['http://device.local:9080', 'Device.local:9080', network],
  ['http://[0:0::1]:9080', '[::1]:9080', network],
  ['http://localhost:9080', '[::1]:9080', network],
  ['http://[::]:9080', '[::1]:9080', network],
  ['http://127.0.0.1:9080', '0.0.0.0:9080', network],
  ['http://127.9.9.9:9080', '0.0.0.0:9080', network],
  ['http://localhost:9080', '0.0.0.0:9080', network],
  ['http://[::1]:9080', '[::]:9080', network],
  ['http://127.0.0.1:9080', '[::]:9080', network],
  ['http://10.0.0.2:9080', '0.0.0.0:9080', network],
  ['http://10.0.0.2:7', '0.0.0.0:9080', { ...network, network_address: 'http://10.0.0.2:7/' }],
  ['http://127.0.0.1:1', '127.0.0.1:9080', { proxy: 'http://localhost:9080' }],
  ['http://127.0.0.1:9080', '127.0.0.1:9080', { proxy: 'http://localhost:3128' }],
] as const) {
  test(`refuses ${url} next to ${listen} ${JSON.stringify(more)}`, () => {
    const text = rvi({ url, listen, ...more });
    assert.ok(isSelf(text), read(text).said.join());
  });
}

test('takes a node at another address of the same port', () => {
  for (const [url, listen, more] of [
    ['http://127.0.0.1:8901', '127.0.0.1:9080', {}],
    ['http://127.0.0.2:9080', '127.0.0.1:9080', {}],
    ['http://[::1]:9080', '127.0.0.1:9080', {}],
    ['http://10.0.0.1:9080', '0.0.0.0:9080', network],
    ['http://10.0.0.1:9080', '10.0.0.2:9080', network],
    ['http://127.0.0.1:8901', '127.0.0.1:0', {}],
    ['http://127.0.0.1:9080', '127.0.0.1:9080', { proxy: 'http://proxy:3128' }],
    ['http://127.0.0.1:7', '127.0.0.1:9080', { network_address: '127.0.0.1:7' }],
  ] as const) {
    assert.ok(read(rvi({ url, listen, ...more })).ok, `${url} ${listen}`);
  }
  assert.ok(read(rvi({ url: 'ws://127.0.0.1:9080' })).ok);
});

// ---------------------------------------------------------------- paths

const dir = '[storage]\ndir = "/data/sota"\n';
const tls = { url: 'https://h', network_address: 'http://h', tls_ca: '/ca' };
function writeKeys(section: string, key: string, path: string): string {
  if (section === 'rvi') return `${rvi({ ...tls, [key]: path })}${dir}`;
  return `[${section}]\n${key} = "${path}"\n${dir}`;
}

test('refuses a socket at a name of the store, and names both keys', () => {
  assert.equal(read(writeKeys('control', 'socket', '/data/sota/packages/1')).said, [
    'c.toml:2: control.socket is /data/sota/packages/1, which is a file of the agent: ' +
      '"packages" in storage.dir (/data/sota): choose a path outside storage.dir',
  ]);
});

const owned = [
  'journal',
  'journal.new',
  'journal.damaged',
  'lock',
  'lock.0123456789abcdef',
  'lock.new.1',
  'packages',
  'packages/1',
  'packages/1/data',
  'packages/x/y/z',
  'delivery-path',
  'delivery-path.new',
  'journal/x',
  './lock',
  '/packages//1',
  'x/../journal',
];
const places: readonly (readonly [section: string, key: string])[] = [
  ['control', 'socket'],
  ['installer', 'work_dir'],
  ['installer.opkg', 'status_file'],
  ['installer.swupdate', 'versions_file'],
  ['installer.swupdate', 'sockets'],
  ['installer.swupdate', 'program'],
  ['installer.opkg', 'program'],
  ['installer.command', 'program'],
  ['reboot', 'program'],
  ['rvi', 'tls_ca'],
];
for (const [section, key] of places) {
  test(`refuses ${section}.${key} at a name of the store`, () => {
    for (const path of [...owned.map((name) => `/data/sota/${name}`), '/data/./sota/lock']) {
      const { ok, said } = read(writeKeys(section, key, path));
      const found = said.filter((one) => one.includes(`${section}.${key} is ${path}`));
      assert.ok(!ok && found.length === 1, `${path}: ${said.join('; ')}`);
    }
  });

  test(`takes ${section}.${key} elsewhere`, () => {
    for (const path of [
      '/data/sota/control.sock',
      '/data/sota/tmp',
      '/data/sota/lockers',
      '/data/sota/journals',
      '/data/sota2/journal',
      '/data/journal',
      '/data/sota/x/journal',
      '/run/packages/1',
    ]) {
      const { ok, said } = read(writeKeys(section, key, path));
      assert.ok(ok, `${path}: ${said.join('; ')}`);
    }
  });
}

test('refuses a socket or a file that is storage.dir itself, or above it', () => {
  for (const path of ['/data/sota', '/data/sota/', '/data', '/']) {
    const { ok, said } = read(writeKeys('control', 'socket', path));
    assert.ok(!ok && /control\.socket .*storage\.dir/.test(said.join()), `${path} ${said.join()}`);
    assert.not.ok(read(writeKeys('rvi', 'tls_ca', path)).ok, path);
  }
  assert.ok(read(writeKeys('installer', 'work_dir', '/data')).ok);
});

test('refuses a storage.dir in a folder that the agent clears for SWUpdate', () => {
  const text = '[installer]\nwork_dir = "/data"\n[storage]\ndir = "/data/sota-agent-7/x"\n';
  assert.match(read(text).said.join(), /storage\.dir is .*installer\.work_dir/);
  assert.not.ok(read(text).ok);
  assert.ok(read(text.replace('sota-agent-7', 'sota-agent')).ok);
});

test('refuses a storage.dir where nothing can be kept', () => {
  const kernel = ['/proc', '/proc/self', '/proc/', '/sys', '/sys/x'];
  for (const path of ['/', '//', '/.', '/x/..', ...kernel]) {
    const { ok, said } = read(`[storage]\ndir = "${path}"\n`);
    assert.ok(!ok && said.length === 1, path);
    assert.match(said.join(), /^c\.toml:2: storage\.dir is .*: set it to a directory/);
  }
  for (const path of ['/process', '/data/proc', '/system', '/data']) {
    assert.ok(read(`[storage]\ndir = "${path}"\n`).ok, path);
  }
});

// ---------------------------------------------------------------- rules

const rulesOf = (names: readonly string[], more = '') => {
  const list = names.map((name) => `{ name = ${JSON.stringify(name)}, installer = "swupdate" }`);
  const key = '[installer.swupdate]\nargs = ["-k", "/etc/key.pem"]\n';
  return read(`[installer]\nrules = [${list.join(', ')}]\n${more}${key}`);
};

test('warns of a rule that is never used', () => {
  assert.equal(rulesOf(['*', 'secure-*']), {
    ok: true,
    said: [
      'c.toml:2: installer.rules has rule 2 (name = "secure-*"), which is never used: ' +
        'rule 1 (name = "*") matches all of its names: write rule 2 before rule 1, or remove it',
    ],
  });
});

const isCovered = (first: string, second: string) => rulesOf([first, second]).said.length === 1;

test('knows which pattern matches all that another one matches', () => {
  for (const [first, second] of [
    ['a', 'a'],
    ['a-*', 'a-*'],
    ['*', '*'],
    ['**', '?'],
    ['*', ''],
    ['a*', 'ab'],
    ['a*', 'ab*'],
    ['a?c', 'abc'],
    ['*-eu', 'x-*-eu'],
    ['?*', '*x'],
    ['*?', '?*'],
    ['?*?', 'a*b'],
    ['*a*', '*ba'],
    ['?', 'ü'],
    ['*a*b*', 'xaxxbx?'],
    ['*?*', '??'],
  ] as const) {
    if (second !== '') assert.ok(isCovered(first, second), `${first} covers ${second}`);
  }
  for (const [first, second] of [
    ['a', 'b'],
    ['secure-*', '*'],
    ['a?', 'a*'],
    ['?*', '*'],
    ['ab*', 'a*'],
    ['*-eu', '*'],
    ['*a', '*'],
    ['a', 'A'],
    ['??', '?'],
    ['?', '??'],
    ['*ab', '*b'],
    ['[ab]', 'a'],
    ['.', 'a'],
  ] as const) {
    assert.not.ok(isCovered(first, second), `${first} does not cover ${second}`);
  }
});

test('has one warning for each such rule, and looks at any rule before it', () => {
  const { said } = rulesOf(['x', 'a*', 'b', 'ab', 'b']);
  assert.is(said.length, 2);
  assert.match(said[0] ?? '', /rule 4 \(name = "ab"\).*rule 2 \(name = "a\*"\)/);
  assert.match(said[1] ?? '', /rule 5 \(name = "b"\).*rule 3 \(name = "b"\)/);
});

test('answers at once, whatever the patterns', () => {
  const stars = '*a?'.repeat(80);
  assert.is(typeof isCovered(stars, `${'*?'.repeat(60)}a${'?'.repeat(60)}`), 'boolean');
});

test('warns of a default that a rule for all names hides', () => {
  assert.match(rulesOf(['x', '**'], 'default = "swupdate"\n').said.join(), /installer\.default/);
  assert.equal(rulesOf(['x', '*?'], 'default = "swupdate"\n').said, []);
  assert.equal(rulesOf(['x', '*']).said, []);
});

test.run();
