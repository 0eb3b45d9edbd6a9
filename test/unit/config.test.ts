// Method: texts in, settings or complaints out; every complaint is compared word by word, because
// the words are all that an operator gets.
import { knownKeys, readSettings, variableOf } from '../../src/config.ts';
import { complaintText, showEntries } from '../../src/config/print.ts';
import type { Configuration, Environment } from '../../src/config.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('config');

function read(text: string | undefined, environment: Environment = {}): Configuration {
  return readSettings({ file: 'c.toml', text, environment });
}

function good(text: string | undefined, environment: Environment = {}) {
  const configuration = read(text, environment);
  if (!configuration.ok) throw new Error(configuration.complaints.map(complaintText).join('\n'));
  return configuration;
}

/** Which installers exist has tests of its own: config-installers.test.ts. */
function others({ warnings: all }: ReturnType<typeof good>) {
  return all.filter(({ key }) => !key.startsWith('installer.'));
}

function complaints(text: string, environment: Environment = {}): readonly string[] {
  const configuration = read(text, environment);
  return configuration.ok ? [] : configuration.complaints.map(complaintText);
}

test('gives the documented defaults without a file', () => {
  assert.equal(good(undefined).settings, {
    device: { vin: undefined, uuid: undefined },
    rvi: {
      url: 'http://127.0.0.1:8901',
      listen: { host: '127.0.0.1', port: 9080 },
      allow: [],
      networkAddress: undefined,
      path: 'secret',
      backend: 'genivi.org/backend',
      registerEveryMs: 300_000,
      messageLifeMs: 90_000,
      stallMs: 10_000,
      finishTimeoutMs: 30_000,
      keepAliveMs: 20_000,
      ack: 'full',
      packages: 'all',
      messages: 'auto',
      dialect: 'jsonrpc',
      tls: { ca: undefined, cert: undefined, key: undefined },
      proxy: undefined,
    },
    storage: { directory: '/var/lib/sota-agent', reserveBytes: 16 * 1024 * 1024 },
    policy: { accept: 'auto', dependencies: 'ask' },
    installer: {
      enabled: [],
      default: 'auto',
      rules: [],
      attempts: 3,
      timeoutMs: 3_600_000,
      workDirectory: '',
      opkg: { program: 'opkg', args: [], statusFile: '' },
      swupdate: {
        program: 'swupdate',
        args: [],
        versionsFile: '/etc/sw-versions',
        check: [],
        sockets: '',
        reboot: false,
      },
      command: { program: '', args: [] },
    },
    reboot: { program: 'systemctl', args: ['reboot'], allow: [], check: [] },
    control: { socket: '/run/sota-agent/control.sock', group: undefined },
    log: { level: 'info', format: 'text' },
  });
  assert.equal(good('').settings, good(undefined).settings);
});

const everything = `
[device]
vin = "V1234567890123456"
uuid = "123e4567-e89b-42d3-a456-426655440000"
[rvi]
url = "https://node:8901"
listen = "0.0.0.0:9090"
allow = ["10.0.0.5", "fd00::/8"]
network_address = "http://10.0.0.5:9090/sota"
path = "secret"
backend = "genivi.org/cloud"
register_every = 60
timeout = 120
stall = 2.5
finish_timeout = 12
keep_alive = 15
ack = "tail"
packages = "strict"
messages = "P3"
dialect = "jsonrpc"
tls_ca = "/etc/ca.pem"
tls_cert = "/etc/cert.pem"
tls_key = "/etc/key.pem"
proxy = "http://proxy:3128"
[storage]
dir = "/data/sota"
reserve = 1048576
[policy]
accept = "ask"
dependencies = "ask"
[installer]
enabled = ["opkg", "swupdate", "command"]
default = "swupdate"
rules = [{ name = "rootfs-*", use = "swupdate" }, { name = "app-*", use = "opkg" }]
attempts = 5
timeout = 900
work_dir = "/data/tmp"
opkg.program = "/usr/bin/opkg"
opkg.args = ["--force-downgrade"]
opkg.status_file = "/opt/lib/opkg/status"
[installer.swupdate]
program = "/usr/bin/swupdate"
args = ["-k", "/etc/key.pem"]
versions_file = "/run/sw-versions"
check = ["/usr/bin/check"]
sockets = "/run/swupdate"
reboot = true
[installer.command]
program = "/usr/bin/install-it"
args = ["--now"]
[reboot]
program = "reboot"
args = []
allow = ["/usr/bin/is-parked"]
check = ["/usr/bin/health", "-q"]
[control]
socket = "/tmp/control.sock"
group = "sota"
[log]
level = "debug"
format = "json"
`;

test('reads every key from a file', () => {
  const { settings, entries } = good(everything);
  assert.equal(
    entries.filter(({ origin }) => origin.kind !== 'file').map(({ key }) => key),
    [],
  );
  assert.equal(settings.device.vin, 'V1234567890123456');
  assert.equal(settings.rvi, {
    url: 'https://node:8901',
    listen: { host: '0.0.0.0', port: 9090 },
    allow: ['10.0.0.5', 'fd00::/8'],
    networkAddress: 'http://10.0.0.5:9090/sota',
    path: 'secret',
    backend: 'genivi.org/cloud',
    registerEveryMs: 60_000,
    messageLifeMs: 120_000,
    stallMs: 2_500,
    finishTimeoutMs: 12_000,
    keepAliveMs: 15_000,
    ack: 'tail',
    packages: 'strict',
    messages: 'P3',
    dialect: 'jsonrpc',
    tls: { ca: '/etc/ca.pem', cert: '/etc/cert.pem', key: '/etc/key.pem' },
    proxy: { isSecure: false, host: 'proxy', port: 3128, authorization: undefined },
  });
  assert.equal(settings.storage, { directory: '/data/sota', reserveBytes: 1_048_576 });
  assert.equal(settings.installer.rules, [
    { name: 'rootfs-*', use: 'swupdate' },
    { name: 'app-*', use: 'opkg' },
  ]);
  assert.equal(settings.installer.opkg, {
    program: '/usr/bin/opkg',
    args: ['--force-downgrade'],
    statusFile: '/opt/lib/opkg/status',
  });
  assert.equal(settings.installer.swupdate.check, ['/usr/bin/check']);
  assert.equal(settings.installer.swupdate.reboot, true);
  assert.equal(settings.reboot.args, []);
  assert.equal(settings.log, { level: 'debug', format: 'json' });
});

test('reads every key from the environment, the same as from the file', () => {
  const fromFile = good(everything);
  const environment: { [name: string]: string } = {};
  for (const { key, value } of fromFile.entries) {
    environment[variableOf(key)] = typeof value === 'string' ? value : tomlOf(fromFile, key);
  }
  const { settings, entries } = good(undefined, environment);
  assert.equal(settings, fromFile.settings);
  assert.ok(entries.every(({ origin }) => origin.kind === 'environment'));
});

function tomlOf({ entries }: ReturnType<typeof good>, key: string): string {
  const shown = showEntries(entries.filter((one) => one.key === key)).split('\n')[1] ?? '';
  return shown.slice(shown.indexOf('=') + 1, shown.lastIndexOf('#')).trim();
}

test('has one environment variable per key', () => {
  const variables = knownKeys().map(variableOf);
  assert.is(new Set(variables).size, variables.length);
  assert.ok(variables.includes('SOTA_AGENT_INSTALLER_SWUPDATE_PROGRAM'));
});

test('lets the environment win over the file, and an empty variable count as none', () => {
  const text = '[rvi]\nstall = 5\nbackend = "a/b"';
  const environment = { SOTA_AGENT_RVI_STALL: '7', SOTA_AGENT_RVI_BACKEND: '', HOME: '/root' };
  const { settings, entries } = good(text, environment);
  assert.is(settings.rvi.stallMs, 7_000);
  assert.is(settings.rvi.backend, 'a/b');
  const origins = entries
    .filter(({ origin }) => origin.kind !== 'default')
    .map(({ key, origin }) => [key, origin]);
  assert.equal(origins, [
    ['rvi.backend', { kind: 'file', file: 'c.toml', line: 3 }],
    ['rvi.stall', { kind: 'environment', name: 'SOTA_AGENT_RVI_STALL' }],
  ]);
});

const url = 'a URL of the RVI node such as "http://127.0.0.1:8901" (http, https, ws or wss)';
const hostPort = 'host:port such as "127.0.0.1:9080" or "[::1]:9080"';
const peers = 'a list of IP addresses and networks: ["127.0.0.1", "10.0.0.0/8"]';
const groups = 'the name of a group in /etc/group, or its number';
const reachable =
  'host:port or an http URL at which the node reaches this device (no wildcard, IPv6 or query)';
const sizes = 'a size such as "16 MiB" (B, KiB, MiB or GiB)';
const programs =
  'a program: its name, looked up in PATH, or its absolute path; arguments have a key of their own';
const vins =
  'the vehicle identification number: letters, digits, dots, dashes and underscores, at most 64';
const prefix = 'a service prefix such as "genivi.org/backend", without slashes at its ends';
const ruleList = 'a list of rules such as [{ name = "rootfs-*", use = "swupdate" }]';

/** Section, line, and what the complaint says of it. */
const wrongValues: readonly (readonly [string, string, string])[] = [
  ['device', 'vin = ""', `is "": write ${vins}`],
  ['device', 'vin = "a/b"', `is "a/b": write ${vins}`],
  ['device', 'vin = 17', `is 17: write ${vins}`],
  ['rvi', 'url = "127.0.0.1:8901"', `is "127.0.0.1:8901": write ${url}`],
  ['rvi', 'url = "ftp://node"', `is "ftp://node": write ${url}`],
  ['rvi', 'url = "http://"', `is "http://": write ${url}`],
  ['rvi', 'url = "http://a b"', `is "http://a b": write ${url}`],
  ['rvi', 'url = "http://me:pw@node"', `is "http://me:***@node": write ${url}`],
  ['rvi', 'url = true', `is true: write ${url}`],
  ['rvi', 'listen = "9080"', `is "9080": write ${hostPort}`],
  ['rvi', 'listen = ":9080"', `is ":9080": write ${hostPort}`],
  ['rvi', 'listen = "h:65536"', 'is "h:65536": write a port from 0 to 65535'],
  ['rvi', 'listen = "[::1]:999999"', 'is "[::1]:999999": write a port from 0 to 65535'],
  ['rvi', 'listen = "::1:9080"', `is "::1:9080": write ${hostPort}`],
  ['rvi', 'listen = 9080', `is 9080: write ${hostPort}`],
  ['rvi', 'allow = "127.0.0.1"', `is "127.0.0.1": write ${peers}`],
  ['rvi', 'allow = ["node"]', `is ["node"]: write ${peers}`],
  ['rvi', 'allow = ["10.0.0.0/33"]', `is ["10.0.0.0/33"]: write ${peers}`],
  ['rvi', 'allow = ["10.0.0.0/"]', `is ["10.0.0.0/"]: write ${peers}`],
  ['rvi', 'allow = ["10.0.0.0/8/8"]', `is ["10.0.0.0/8/8"]: write ${peers}`],
  ['rvi', 'allow = ["fd00::/129"]', `is ["fd00::/129"]: write ${peers}`],
  ['rvi', 'allow = ["fe80::1%eth0"]', `is ["fe80::1%eth0"]: write ${peers}`],
  ['control', 'group = ""', `is "": write ${groups}`],
  ['control', 'group = "a:b"', `is "a:b": write ${groups}`],
  ['control', 'group = 12', `is 12: write ${groups}`],
  ['rvi', 'network_address = "ws://h:1"', `is "ws://h:1": write ${reachable}`],
  ['rvi', 'network_address = "0.0.0.0:9080"', `is "0.0.0.0:9080": write ${reachable}`],
  ['rvi', 'network_address = "[fd00::1]:9080"', `is "[fd00::1]:9080": write ${reachable}`],
  ['rvi', 'network_address = ""', `is "": write ${reachable}`],
  ['rvi', 'network_address = "h:1/x?y"', `is "h:1/x?y": write ${reachable}`],
  ['rvi', 'backend = "/genivi.org"', `is "/genivi.org": write ${prefix}`],
  ['rvi', 'backend = "genivi.org/b/"', `is "genivi.org/b/": write ${prefix}`],
  ['rvi', 'backend = ""', `is "": write ${prefix}`],
  ['rvi', 'register_every = 0', 'is 0: write a number of seconds from 1 to 86400'],
  ['rvi', 'register_every = "5 min"', 'is "5 min": write a number of seconds from 1 to 86400'],
  ['rvi', 'timeout = 86401', 'is 86401: write a number of seconds from 1 to 86400'],
  ['rvi', 'timeout = nan', 'is NaN: write a number of seconds from 1 to 86400'],
  ['rvi', 'stall = -1', 'is -1: write a number of seconds from 0.1 to 600'],
  ['rvi', 'stall = inf', 'is Infinity: write a number of seconds from 0.1 to 600'],
  ['rvi', 'finish_timeout = "30"', 'is "30": write a number of seconds from 0.1 to 3600'],
  ['rvi', 'ack = "all"', 'is "all": write "full" or "tail"'],
  ['rvi', 'dialect = "0.4"', 'is "0.4": write "jsonrpc", "rvi-0.4" or "rvi-0.5"'],
  ['rvi', 'tls_ca = "ca.pem"', 'is "ca.pem": write an absolute path'],
  ['rvi', 'tls_cert = ""', 'is "": write an absolute path'],
  ['rvi', 'tls_key = 1', 'is 1: write an absolute path'],
  [
    'rvi',
    'proxy = "socks5://p:1"',
    'is "socks5://p:1": write a URL such as "http://user:password@proxy:3128" (http or https)',
  ],
  ['storage', 'dir = "data"', 'is "data": write an absolute path'],
  ['storage', 'reserve = "16 MB"', `is "16 MB": write ${sizes}`],
  ['storage', 'reserve = "lots"', `is "lots": write ${sizes}`],
  ['storage', 'reserve = -1', `is -1: write ${sizes}`],
  ['storage', 'reserve = 1.5', `is 1.5: write ${sizes}`],
  ['storage', 'reserve = "9999 GiB"', `is "9999 GiB": write ${sizes}, not above 1024 GiB`],
  ['policy', 'accept = "yes"', 'is "yes": write "auto" or "ask"'],
  ['policy', 'accept = true', 'is true: write "auto" or "ask"'],
  ['installer', 'default = "rpm"', 'is "rpm": write "auto", "opkg", "swupdate" or "command"'],
  ['installer', 'rules = "x"', `is "x": write ${ruleList}`],
  ['installer', 'rules = [1]', `is [1]: write ${ruleList}`],
  [
    'installer',
    'rules = [{ name = "a" , if = "b", use = "opkg" }]',
    `is [{ name = "a", if = "b", use = "opkg" }]: write ${ruleList}`,
  ],
  [
    'installer',
    'rules = [{ name = "a", use = "opkg" }, { name = "b", use = "rpm" }]',
    'is [{ name = "a", use = "opkg" }, { name = "b", use = "rpm" }]: ' +
      'write "opkg", "swupdate" or "command" as the "use" of rule 2',
  ],
  ['installer', 'attempts = 0', 'is 0: write a whole number from 1 to 28'],
  ['installer', 'attempts = 2.5', 'is 2.5: write a whole number from 1 to 28'],
  ['installer', 'timeout = 0.5', 'is 0.5: write a number of seconds from 1 to 86400'],
  ['installer.opkg', 'program = ""', `is "": write ${programs}`],
  ['installer.opkg', 'program = "opkg -f"', `is "opkg -f": write ${programs}`],
  ['installer.opkg', 'program = "./opkg"', `is "./opkg": write ${programs}`],
  [
    'installer.opkg',
    'args = "-f"',
    'is "-f": write a list of strings such as ["--force-downgrade"]',
  ],
  [
    'installer.swupdate',
    'args = ["-k", 1]',
    'is ["-k", 1]: write a list of strings such as ["-k", "/etc/swupdate/public.pem"]',
  ],
  ['installer.swupdate', 'versions_file = ""', 'is "": write an absolute path'],
  [
    'installer.swupdate',
    'check = "check"',
    'is "check": write a list of strings such as ["/usr/bin/check-update"]',
  ],
  ['installer.swupdate', 'reboot = "yes"', 'is "yes": write true or false'],
  [
    'installer.swupdate',
    'sockets = "run"',
    'is "run": write an absolute path of at most 94 bytes, or "" for none',
  ],
  [
    'installer.command',
    'program = "a b"',
    'is "a b": write a program: its name, looked up in PATH, or its absolute path; "" for none',
  ],
  ['reboot', 'args = [["a"]]', 'is [["a"]]: write a list of strings such as ["reboot"]'],
  [
    'reboot',
    'check = 1979-05-27',
    'is 1979-05-27: write a list of strings such as ["/usr/bin/check-boot", "--quick"]',
  ],
  [
    'control',
    'socket = "control.sock"',
    'is "control.sock": write an absolute path of at most 107 bytes',
  ],
  ['log', 'level = "trace"', 'is "trace": write "debug", "info", "warn" or "error"'],
  ['log', 'format = { a = "x\\u001b" }', 'is { a = "x\\u001b" }: write "text" or "json"'],
];

for (const [section, line, said] of wrongValues) {
  test(`refuses ${section}: ${line}`, () => {
    const key = `${section}.${line.slice(0, line.indexOf(' '))}`;
    assert.equal(complaints(`# a comment\n\n[${section}]\n${line}\n`), [
      `c.toml:4: ${key} ${said}`,
    ]);
  });
}

/** Whole files, and all that is said. */
const wrongFiles: readonly (readonly [string, string])[] = [
  ['rvi.stal = 3', 'c.toml:1: rvi.stal is no key: did you mean rvi.stall?'],
  ['[rvi]\n\nlitsen = "x"', 'c.toml:3: rvi.litsen is no key: did you mean rvi.listen?'],
  ['url = "http://h"', 'c.toml:1: url is no key: did you mean rvi.url?'],
  ['[device]\nsocket = "/s"', 'c.toml:2: device.socket is no key: did you mean control.socket?'],
  [
    '[policy]\nwindows = []',
    'c.toml:2: policy.windows is no key: keys of [policy]: accept, dependencies',
  ],
  ['[log]\ncolour = true', 'c.toml:2: log.colour is no key: keys of [log]: level, format'],
  ['frobnicate = 1', 'c.toml:1: frobnicate is no key: leave it out'],
  ['[rvy]\nurl = "x"', 'c.toml:1: [rvy] is no section: did you mean [rvi]?'],
  [
    '[installer.swupdat]\nargs = []',
    'c.toml:1: [installer.swupdat] is no section: did you mean [installer.swupdate]?',
  ],
  [
    '[installer]\nruls = [{ name = "x", use = "opkg" }]',
    'c.toml:2: installer.ruls is no key: did you mean installer.rules?',
  ],
  ['[[instaler]]\nattempts = 3', 'c.toml:1: [instaler] is no section: did you mean [installer]?'],
  [
    '[network]\n',
    'c.toml:1: [network] is no section: sections: device, rvi, storage, policy, installer, ' +
      'installer.opkg, installer.swupdate, installer.command, reboot, control, log',
  ],
  [
    'log = "info"',
    'c.toml:1: log is "info", but a section: write [log] and its keys on the lines below',
  ],
  [
    '[[rvi]]\nurl = "http://h"',
    'c.toml:1: rvi is [{ url = "http://h" }], but a section: write [rvi] and its ' +
      'keys on the lines below',
  ],
  ['\n[rvi]\nurl = ', 'c.toml:3: not TOML: invalid value: correct this line'],
  [
    '[rvi]\nstall = 1\nstall = 2',
    'c.toml:3: not TOML: trying to redefine an already defined table or value: correct this line',
  ],
  ['"a\\u001bb" = 1', 'c.toml:1: a\\u001bb is no key: leave it out'],
  ['__proto__ = 1', 'c.toml:1: __proto__ is no key: leave it out'],
  [
    '[rvi]\nconstructor = 1',
    'c.toml:2: rvi.constructor is no key: keys of [rvi]: url, listen, allow, ' +
      'network_address, path, backend, register_every, timeout, stall, finish_timeout, ' +
      'keep_alive, ack, packages, messages, dialect, tls_ca, tls_cert, tls_key, proxy',
  ],
  ['rvi = { url = "http://h", stal = 1 }', 'c.toml:1: rvi.stal is no key: did you mean rvi.stall?'],
];

for (const [text, said] of wrongFiles) {
  test(`refuses ${JSON.stringify(text)}`, () => assert.equal(complaints(text), [said]));
}

test('refuses a socket path that the kernel would cut short', () => {
  const path = `/${'x'.repeat(107)}`;
  const [said] = complaints(`[control]\nsocket = "${path}"`);
  assert.match(said ?? '', /^c\.toml:2: control\.socket is "\/x+…: write an absolute path of at/);
  assert.equal(complaints(`[control]\nsocket = "${path.slice(0, -1)}"`), []);
});

test('tells everything that is wrong at once, in the order of the file, then of the table', () => {
  const text = '[log]\nlevl = "info"\n[rvi]\nstall = "x"\nack = "x"';
  assert.equal(complaints(text, { SOTA_AGENT_LOG_LEVEL: 'loud' }), [
    'c.toml:2: log.levl is no key: did you mean log.level?',
    'c.toml:4: rvi.stall is "x": write a number of seconds from 0.1 to 600',
    'c.toml:5: rvi.ack is "x": write "full" or "tail"',
    'environment SOTA_AGENT_LOG_LEVEL: log.level is "loud": ' +
      'write "debug", "info", "warn" or "error"',
  ]);
});

const wrongVariables: readonly (readonly [string, string, string])[] = [
  [
    'SOTA_AGENT_RVI_STAL',
    '3',
    'environment: SOTA_AGENT_RVI_STAL is of no key: did you mean SOTA_AGENT_RVI_STALL?',
  ],
  ['SOTA_AGENT_LOG_COLOUR', '1', 'environment: SOTA_AGENT_LOG_COLOUR is of no key: unset it'],
  [
    'SOTA_AGENT_LGO_LEVEL',
    'info',
    'environment: SOTA_AGENT_LGO_LEVEL is of no key: did you mean SOTA_AGENT_LOG_LEVEL?',
  ],
  [
    'SOTA_AGENT_INSTALLER_ATTEMPTS',
    'three',
    'environment SOTA_AGENT_INSTALLER_ATTEMPTS: installer.attempts is "three": ' +
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
    assert.equal(complaints('', { [name]: value }), [said]);
  });
}

const address = 'give rvi.network_address, the address of this device as the node sees it';

const noUse = 'has no use with a ws or wss rvi.url: leave it out, or give an http rvi.url';
const noProgram =
  'names the installer "command", which has no program: give installer.command.program';

/** Each key is right, together they are not. */
const wrongTogether: readonly (readonly [string, readonly string[]])[] = [
  [
    '[rvi]\nurl = "ws://h"\nlisten = "h:1"\nnetwork_address = "h:1"',
    [`c.toml:3: rvi.listen ${noUse}`, `c.toml:4: rvi.network_address ${noUse}`],
  ],
  [
    '[rvi]\ndialect = "rvi-0.4"',
    [
      'c.toml:2: rvi.dialect is "rvi-0.4" with an http rvi.url: ' +
        'give a ws or wss rvi.url, or leave it out',
    ],
  ],
  [
    '[rvi]\nlisten = "0.0.0.0:9080"',
    [`c.toml:2: rvi.listen is a wildcard, at which no node can deliver: ${address}`],
  ],
  [
    '[rvi]\nlisten = "[::]:9080"',
    [`c.toml:2: rvi.listen is a wildcard, at which no node can deliver: ${address}`],
  ],
  [
    '[rvi]\nlisten = "[::1]:9080"',
    [`c.toml:2: rvi.listen is an IPv6 literal, which nodes cannot read: ${address}`],
  ],
  [
    '[rvi]\nurl = "wss://h"\ntls_cert = "/c"',
    ['c.toml:3: rvi.tls_cert is given without rvi.tls_key: give both, or none'],
  ],
  [
    '[rvi]\nurl = "https://127.0.0.1"\ntls_key = "/k"',
    ['c.toml:3: rvi.tls_key is given without rvi.tls_cert: give both, or none'],
  ],
  [
    '[rvi]\ntls_ca = "/ca"',
    [
      'c.toml:2: rvi.tls_ca has no use with http://, which is not encrypted: ' +
        'give an https or wss rvi.url, or leave it out',
    ],
  ],
  [
    '[installer]\ndefault = "command"\nrules = [{ name = "a", use = "command" }]\n' +
      '[installer.command]\nargs = ["x"]',
    [
      `c.toml:2: installer.default ${noProgram}`,
      `c.toml:3: installer.rules ${noProgram}`,
      'c.toml:5: installer.command.args has no program to go to: give installer.command.program',
    ],
  ],
];

for (const [text, said] of wrongTogether) {
  test(`refuses together ${JSON.stringify(text)}`, () => assert.equal(complaints(text), said));
}

test('takes what goes together', () => {
  for (const text of [
    '[rvi]\nurl = "ws://h:8808"\ndialect = "rvi-0.5"',
    '[rvi]\nurl = "wss://h"\ntls_ca = "/ca"',
    '[rvi]\nlisten = "0.0.0.0:1"\nallow = ["10.0.0.1"]\nnetwork_address = "10.0.0.2:1"',
    '[rvi]\nlisten = "[::1]:1"\nnetwork_address = "host:1"',
    '[installer]\ndefault = "command"\ncommand.program = "x"',
    '[rvi]\ndialect = "jsonrpc"',
  ]) {
    assert.equal(complaints(text), []);
  }
});

test('only tells of a variable that looks like no key: others name theirs after a service', () => {
  const said = others(good('', { SOTA_AGENT_PORT_8901_TCP: 'tcp://10.0.0.1:8901' }));
  assert.equal(said.map(complaintText), [
    'environment: SOTA_AGENT_PORT_8901_TCP is of no key: unset it',
  ]);
});

test('says nothing of the variable that the build takes its cache from', () => {
  assert.equal(others(good('', { SOTA_AGENT_CACHE: '/var/cache/sota-agent' })), []);
});

test('reads sizes in every unit', () => {
  const sizes = ['"0"', '"7 B"', '"2KiB"', '"16 MiB"', '"1 GiB"', '4096'];
  assert.equal(
    sizes.map((size) => good(`[storage]\nreserve = ${size}`).settings.storage.reserveBytes),
    [0, 7, 2048, 16_777_216, 1_073_741_824, 4096],
  );
});

test('shows a configuration that reads back to the same settings', () => {
  for (const text of [everything, undefined]) {
    const first = good(text);
    assert.equal(good(showEntries(first.entries)).settings, first.settings);
  }
});

test('shows where each value came from', () => {
  const { entries } = good('[log]\nlevel = "warn"', { SOTA_AGENT_LOG_FORMAT: 'json' });
  const shown = showEntries(entries).split('\n');
  assert.is(shown[1], `# vin is not set${' '.repeat(28)} # default`);
  assert.equal(shown.slice(-3), [
    '[log]',
    `level = "warn"${' '.repeat(30)} # c.toml:2`,
    `format = "json"${' '.repeat(29)} # environment SOTA_AGENT_LOG_FORMAT`,
  ]);
});

test.run();
