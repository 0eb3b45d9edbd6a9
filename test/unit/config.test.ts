// Tests the configuration: the test passes texts and compares settings or errors. It compares each
// error exactly, because the text is all that an operator gets.
import { knownKeys, readSettings, variableOf } from '../../src/config.ts';
import { configErrorText, printEntries } from '../../src/config/print.ts';
import type { Configuration, Environment } from '../../src/config.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('config');

function read(text: string | undefined, environment: Environment = {}): Configuration {
  return readSettings({ file: 'c.toml', text, environment });
}

function good(text: string | undefined, environment: Environment = {}) {
  const configuration = read(text, environment);
  if (!configuration.ok) throw new Error(configuration.errors.map(configErrorText).join('\n'));
  return configuration;
}

function errors(text: string, environment: Environment = {}): readonly string[] {
  const configuration = read(text, environment);
  return configuration.ok ? [] : configuration.errors.map(configErrorText);
}

test('gives the documented defaults without a file', () => {
  assert.equal(good(undefined).settings, {
    device: { vin: undefined, uuid: undefined },
    rvi: {
      url: 'http://127.0.0.1:8901',
      listen: { host: '127.0.0.1', port: 9080 },
      allowedPeers: [],
      networkAddress: undefined,
      path: 'secret',
      servicePrefix: 'genivi.org/backend',
      registerIntervalMs: 300_000,
      messageTtlMs: 90_000,
      stallTimeoutMs: 10_000,
      finishTimeoutMs: 30_000,
      progressIntervalMs: 20_000,
      ack: 'auto',
      inventory: 'all',
      serverDialect: 'auto',
      nodeDialect: 'jsonrpc',
      tls: { ca: undefined, cert: undefined, key: undefined },
      proxy: undefined,
    },
    storage: { directory: '/var/lib/sota-agent', minFreeBytes: 16 * 1024 * 1024 },
    policy: { consent: 'automatic', dependencies: 'ask' },
    installer: {
      enabled: [],
      default: 'auto',
      rules: [],
      maxAttempts: 3,
      timeoutMs: 3_600_000,
      workDirectory: '',
      opkg: { program: 'opkg', args: [], statusFile: '' },
      swupdate: {
        program: 'swupdate',
        args: [],
        versionsFile: '/etc/sw-versions',
        verifyCommand: [],
        sockets: '',
        reboot: false,
      },
      command: { program: '', args: [] },
    },
    reboot: { program: 'systemctl', args: ['reboot'], allow: [], healthCheck: [] },
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
allowed_peers = ["10.0.0.5", "fd00::/8"]
network_address = "http://10.0.0.5:9090/sota"
path = "secret"
service_prefix = "genivi.org/cloud"
register_interval = 60
message_ttl = 120
stall_timeout = 2.5
finish_timeout = 12
progress_interval = 15
ack = "tail"
inventory = "strict"
server_dialect = "P3"
node_dialect = "jsonrpc"
tls_ca = "/etc/ca.pem"
tls_cert = "/etc/cert.pem"
tls_key = "/etc/key.pem"
proxy = "http://proxy:3128"
[storage]
dir = "/data/sota"
min_free = 1048576
[policy]
consent = "required"
dependencies = "ask"
[installer]
enabled = ["opkg", "swupdate", "command"]
default = "swupdate"
rules = [{ name = "rootfs-*", installer = "swupdate" }, { name = "app-*", installer = "opkg" }]
max_attempts = 5
timeout = 900
work_dir = "/data/tmp"
opkg.program = "/usr/bin/opkg"
opkg.args = ["--force-downgrade"]
opkg.status_file = "/opt/lib/opkg/status"
[installer.swupdate]
program = "/usr/bin/swupdate"
args = ["-k", "/etc/key.pem"]
versions_file = "/run/sw-versions"
verify_command = ["/usr/bin/check"]
sockets = "/run/swupdate"
reboot = true
[installer.command]
program = "/usr/bin/install-it"
args = ["--now"]
[reboot]
program = "reboot"
args = []
allow = ["/usr/bin/is-parked"]
health_check = ["/usr/bin/health", "-q"]
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
    allowedPeers: ['10.0.0.5', 'fd00::/8'],
    networkAddress: 'http://10.0.0.5:9090/sota',
    path: 'secret',
    servicePrefix: 'genivi.org/cloud',
    registerIntervalMs: 60_000,
    messageTtlMs: 120_000,
    stallTimeoutMs: 2_500,
    finishTimeoutMs: 12_000,
    progressIntervalMs: 15_000,
    ack: 'tail',
    inventory: 'strict',
    serverDialect: 'P3',
    nodeDialect: 'jsonrpc',
    tls: { ca: '/etc/ca.pem', cert: '/etc/cert.pem', key: '/etc/key.pem' },
    proxy: { isSecure: false, host: 'proxy', port: 3128, authorization: undefined },
  });
  assert.equal(settings.storage, { directory: '/data/sota', minFreeBytes: 1_048_576 });
  assert.equal(settings.installer.rules, [
    { name: 'rootfs-*', installer: 'swupdate' },
    { name: 'app-*', installer: 'opkg' },
  ]);
  assert.equal(settings.installer.opkg, {
    program: '/usr/bin/opkg',
    args: ['--force-downgrade'],
    statusFile: '/opt/lib/opkg/status',
  });
  assert.equal(settings.installer.swupdate.verifyCommand, ['/usr/bin/check']);
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
  const shown = printEntries(entries.filter((one) => one.key === key)).split('\n')[1] ?? '';
  return shown.slice(shown.indexOf('=') + 1, shown.lastIndexOf('#')).trim();
}

test('has one environment variable per key', () => {
  const variables = knownKeys().map(variableOf);
  assert.is(new Set(variables).size, variables.length);
  assert.ok(variables.includes('SOTA_AGENT_INSTALLER_SWUPDATE_PROGRAM'));
});

test('lets the environment win over the file, and an empty variable count as none', () => {
  const text = '[rvi]\nstall_timeout = 5\nservice_prefix = "a/b"';
  const environment = {
    SOTA_AGENT_RVI_STALL_TIMEOUT: '7',
    SOTA_AGENT_RVI_SERVICE_PREFIX: '',
    HOME: '/root',
  };
  const { settings, entries } = good(text, environment);
  assert.is(settings.rvi.stallTimeoutMs, 7_000);
  assert.is(settings.rvi.servicePrefix, 'a/b');
  const origins = entries
    .filter(({ origin }) => origin.kind !== 'default')
    .map(({ key, origin }) => [key, origin]);
  assert.equal(origins, [
    ['rvi.service_prefix', { kind: 'file', file: 'c.toml', line: 3 }],
    ['rvi.stall_timeout', { kind: 'environment', name: 'SOTA_AGENT_RVI_STALL_TIMEOUT' }],
  ]);
});

const url = 'a URL of the RVI node such as "http://127.0.0.1:8901" (http, https, ws or wss)';
const hostPort = 'host:port such as "127.0.0.1:9080" or "[::1]:9080"';
const peers = 'a list of IP addresses and networks: ["127.0.0.1", "10.0.0.0/8"]';
const groups = 'the name of a group in /etc/group, or its number';
const reachable =
  'host:port or an http URL at which the node reaches this device (no wildcard, IPv6 or query)';
const sizes = 'a size such as "16 MiB" (B, KiB, MiB or GiB)';
const programs = 'the name of a program in PATH, or its absolute path, without arguments';
const vins =
  'the vehicle identification number: letters, digits, dots, dashes and underscores, at most 64';
const prefix = 'a service prefix such as "genivi.org/backend", without slashes at its ends';
const ruleList = 'a list of rules such as [{ name = "rootfs-*", installer = "swupdate" }]';

/** Section, line, and the text of the error. */
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
  ['rvi', 'allowed_peers = "127.0.0.1"', `is "127.0.0.1": write ${peers}`],
  ['rvi', 'allowed_peers = ["node"]', `is ["node"]: write ${peers}`],
  ['rvi', 'allowed_peers = ["10.0.0.0/33"]', `is ["10.0.0.0/33"]: write ${peers}`],
  ['rvi', 'allowed_peers = ["10.0.0.0/"]', `is ["10.0.0.0/"]: write ${peers}`],
  ['rvi', 'allowed_peers = ["10.0.0.0/8/8"]', `is ["10.0.0.0/8/8"]: write ${peers}`],
  ['rvi', 'allowed_peers = ["fd00::/129"]', `is ["fd00::/129"]: write ${peers}`],
  ['rvi', 'allowed_peers = ["fe80::1%eth0"]', `is ["fe80::1%eth0"]: write ${peers}`],
  ['control', 'group = ""', `is "": write ${groups}`],
  ['control', 'group = "a:b"', `is "a:b": write ${groups}`],
  ['control', 'group = 12', `is 12: write ${groups}`],
  ['rvi', 'network_address = "ws://h:1"', `is "ws://h:1": write ${reachable}`],
  ['rvi', 'network_address = "0.0.0.0:9080"', `is "0.0.0.0:9080": write ${reachable}`],
  ['rvi', 'network_address = "[fd00::1]:9080"', `is "[fd00::1]:9080": write ${reachable}`],
  ['rvi', 'network_address = ""', `is "": write ${reachable}`],
  ['rvi', 'network_address = "h:1/x?y"', `is "h:1/x?y": write ${reachable}`],
  ['rvi', 'service_prefix = "/genivi.org"', `is "/genivi.org": write ${prefix}`],
  ['rvi', 'service_prefix = "genivi.org/b/"', `is "genivi.org/b/": write ${prefix}`],
  ['rvi', 'service_prefix = ""', `is "": write ${prefix}`],
  ['rvi', 'register_interval = 0', 'is 0: write a number of seconds from 1 to 86400'],
  ['rvi', 'register_interval = "5 min"', 'is "5 min": write a number of seconds from 1 to 86400'],
  ['rvi', 'message_ttl = 86401', 'is 86401: write a number of seconds from 1 to 86400'],
  ['rvi', 'message_ttl = nan', 'is NaN: write a number of seconds from 1 to 86400'],
  ['rvi', 'stall_timeout = -1', 'is -1: write a number of seconds from 0.1 to 600'],
  ['rvi', 'stall_timeout = inf', 'is Infinity: write a number of seconds from 0.1 to 600'],
  ['rvi', 'finish_timeout = "30"', 'is "30": write a number of seconds from 0.1 to 3600'],
  ['rvi', 'ack = "all"', 'is "all": write "auto", "full" or "tail"'],
  ['rvi', 'node_dialect = "0.4"', 'is "0.4": write "jsonrpc", "rvi-0.4" or "rvi-0.5"'],
  ['rvi', 'tls_ca = "ca.pem"', 'is "ca.pem": write an absolute path'],
  ['rvi', 'tls_cert = ""', 'is "": write an absolute path'],
  ['rvi', 'tls_key = 1', 'is 1: write an absolute path'],
  [
    'rvi',
    'proxy = "socks5://p:1"',
    'is "socks5://p:1": write a URL such as "http://user:password@proxy:3128" (http or https)',
  ],
  ['storage', 'dir = "data"', 'is "data": write an absolute path'],
  ['storage', 'min_free = "16 MB"', `is "16 MB": write ${sizes}`],
  ['storage', 'min_free = "lots"', `is "lots": write ${sizes}`],
  ['storage', 'min_free = -1', `is -1: write ${sizes}`],
  ['storage', 'min_free = 1.5', `is 1.5: write ${sizes}`],
  ['storage', 'min_free = "9999 GiB"', `is "9999 GiB": write ${sizes}, not above 1024 GiB`],
  ['policy', 'consent = "yes"', 'is "yes": write "automatic" or "required"'],
  ['policy', 'consent = true', 'is true: write "automatic" or "required"'],
  ['installer', 'default = "rpm"', 'is "rpm": write "auto", "opkg", "swupdate" or "command"'],
  ['installer', 'rules = "x"', `is "x": write ${ruleList}`],
  ['installer', 'rules = [1]', `is [1]: write ${ruleList}`],
  [
    'installer',
    'rules = [{ name = "a" , if = "b", installer = "opkg" }]',
    `is [{ name = "a", if = "b", installer = "opkg" }]: write ${ruleList}`,
  ],
  [
    'installer',
    'rules = [{ name = "a", installer = "opkg" }, { name = "b", installer = "rpm" }]',
    'is [{ name = "a", installer = "opkg" }, { name = "b", installe…: ' +
      'write "opkg", "swupdate" or "command" as the "installer" of rule 2',
  ],
  ['installer', 'max_attempts = 0', 'is 0: write a whole number from 1 to 28'],
  ['installer', 'max_attempts = 2.5', 'is 2.5: write a whole number from 1 to 28'],
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
    'verify_command = "check"',
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
    'is "a b": write the name of a program in PATH, or its absolute path, ' +
      'without arguments; "" for none',
  ],
  ['reboot', 'args = [["a"]]', 'is [["a"]]: write a list of strings such as ["reboot"]'],
  [
    'reboot',
    'health_check = 1979-05-27',
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
    assert.equal(errors(`# a comment\n\n[${section}]\n${line}\n`), [`c.toml:4: ${key} ${said}`]);
  });
}

/** Whole files, and all errors of each. */
const wrongFiles: readonly (readonly [string, string])[] = [
  ['rvi.stal = 3', 'c.toml:1: rvi.stal is not a known key: did you mean rvi.stall_timeout?'],
  ['[rvi]\n\nlitsen = "x"', 'c.toml:3: rvi.litsen is not a known key: did you mean rvi.listen?'],
  ['url = "http://h"', 'c.toml:1: url is not a known key: did you mean rvi.url?'],
  [
    '[device]\nsocket = "/s"',
    'c.toml:2: device.socket is not a known key: did you mean control.socket?',
  ],
  [
    '[policy]\nwindows = []',
    'c.toml:2: policy.windows is not a known key: the keys of [policy] are consent, dependencies',
  ],
  [
    '[log]\ncolour = true',
    'c.toml:2: log.colour is not a known key: the keys of [log] are level, format',
  ],
  ['frobnicate = 1', 'c.toml:1: frobnicate is not a known key: remove it'],
  ['[rvy]\nurl = "x"', 'c.toml:1: [rvy] is not a known section: did you mean [rvi]?'],
  [
    '[installer.swupdat]\nargs = []',
    'c.toml:1: [installer.swupdat] is not a known section: did you mean [installer.swupdate]?',
  ],
  [
    '[installer]\nruls = [{ name = "x", installer = "opkg" }]',
    'c.toml:2: installer.ruls is not a known key: did you mean installer.rules?',
  ],
  [
    '[[instaler]]\nattempts = 3',
    'c.toml:1: [instaler] is not a known section: did you mean [installer]?',
  ],
  [
    '[network]\n',
    'c.toml:1: [network] is not a known section: the sections are device, rvi, ' +
      'storage, policy, installer, installer.opkg, installer.swupdate, installer.command, ' +
      'reboot, control, log',
  ],
  [
    'log = "info"',
    'c.toml:1: log is "info", not a section: write [log], and its keys on the lines below',
  ],
  [
    '[[rvi]]\nurl = "http://h"',
    'c.toml:1: rvi is [{ url = "http://h" }], not a section: write [rvi], and its ' +
      'keys on the lines below',
  ],
  ['\n[rvi]\nurl = ', 'c.toml:3: not valid TOML: invalid value: correct this line'],
  [
    '[rvi]\nstall_timeout = 1\nstall_timeout = 2',
    'c.toml:3: not valid TOML: trying to redefine an already defined table or value: ' +
      'correct this line',
  ],
  ['"a\\u001bb" = 1', 'c.toml:1: a\\u001bb is not a known key: remove it'],
  ['__proto__ = 1', 'c.toml:1: __proto__ is not a known key: remove it'],
  [
    '[rvi]\nconstructor = 1',
    'c.toml:2: rvi.constructor is not a known key: the keys of [rvi] are url, listen, ' +
      'allowed_peers, network_address, path, service_prefix, register_interval, message_ttl, ' +
      'stall_timeout, finish_timeout, progress_interval, ack, inventory, server_dialect, ' +
      'node_dialect, tls_ca, tls_cert, tls_key, proxy',
  ],
  [
    'rvi = { url = "http://h", stal = 1 }',
    'c.toml:1: rvi.stal is not a known key: did you mean rvi.stall_timeout?',
  ],
];

for (const [text, said] of wrongFiles) {
  test(`refuses ${JSON.stringify(text)}`, () => assert.equal(errors(text), [said]));
}

test('refuses a socket path that the kernel would cut short', () => {
  const path = `/${'x'.repeat(107)}`;
  const [said] = errors(`[control]\nsocket = "${path}"`);
  assert.match(said ?? '', /^c\.toml:2: control\.socket is "\/x+…: write an absolute path of at/);
  assert.equal(errors(`[control]\nsocket = "${path.slice(0, -1)}"`), []);
});

test('tells everything that is wrong at once, in the order of the file, then of the table', () => {
  const text = '[log]\nlevl = "info"\n[rvi]\nstall_timeout = "x"\nack = "x"';
  assert.equal(errors(text, { SOTA_AGENT_LOG_LEVEL: 'loud' }), [
    'c.toml:2: log.levl is not a known key: did you mean log.level?',
    'c.toml:4: rvi.stall_timeout is "x": write a number of seconds from 0.1 to 600',
    'c.toml:5: rvi.ack is "x": write "auto", "full" or "tail"',
    'environment SOTA_AGENT_LOG_LEVEL: log.level is "loud": ' +
      'write "debug", "info", "warn" or "error"',
  ]);
});

const address = 'set rvi.network_address to the address at which the node reaches this device';

const noUse = 'has no effect with a ws or wss rvi.url: remove it, or set an http rvi.url';
const noProgram =
  'names the installer "command", which has no program: set installer.command.program';

/** Keys that are each valid but conflict with each other. */
const wrongTogether: readonly (readonly [string, readonly string[]])[] = [
  [
    '[rvi]\nurl = "ws://h"\nlisten = "h:1"\nnetwork_address = "h:1"',
    [`c.toml:3: rvi.listen ${noUse}`, `c.toml:4: rvi.network_address ${noUse}`],
  ],
  [
    '[rvi]\nnode_dialect = "rvi-0.4"',
    [
      'c.toml:2: rvi.node_dialect is "rvi-0.4" with an http rvi.url: ' +
        'remove it, or set a ws or wss rvi.url',
    ],
  ],
  [
    '[rvi]\nlisten = "0.0.0.0:9080"',
    [`c.toml:2: rvi.listen is a wildcard address, at which no node can deliver: ${address}`],
  ],
  [
    '[rvi]\nlisten = "[::]:9080"',
    [`c.toml:2: rvi.listen is a wildcard address, at which no node can deliver: ${address}`],
  ],
  [
    '[rvi]\nlisten = "[::1]:9080"',
    [`c.toml:2: rvi.listen is an IPv6 literal, which nodes cannot read: ${address}`],
  ],
  [
    '[rvi]\nurl = "wss://h"\ntls_cert = "/c"',
    ['c.toml:3: rvi.tls_cert is set without rvi.tls_key: set both, or none'],
  ],
  [
    '[rvi]\nurl = "https://127.0.0.1"\ntls_key = "/k"',
    ['c.toml:3: rvi.tls_key is set without rvi.tls_cert: set both, or none'],
  ],
  [
    '[rvi]\ntls_ca = "/ca"',
    [
      'c.toml:2: rvi.tls_ca has no effect with http://, which is not encrypted: ' +
        'remove it, or set an https or wss rvi.url',
    ],
  ],
  [
    '[installer]\ndefault = "command"\nrules = [{ name = "a", installer = "command" }]\n' +
      '[installer.command]\nargs = ["x"]',
    [
      `c.toml:2: installer.default ${noProgram}`,
      `c.toml:3: installer.rules ${noProgram}`,
      'c.toml:5: installer.command.args is set without a program: set installer.command.program',
    ],
  ],
];

for (const [text, said] of wrongTogether) {
  test(`refuses together ${JSON.stringify(text)}`, () => assert.equal(errors(text), said));
}

test('takes what goes together', () => {
  for (const text of [
    '[rvi]\nurl = "ws://h:8808"\nnode_dialect = "rvi-0.5"',
    '[rvi]\nurl = "wss://h"\ntls_ca = "/ca"',
    '[rvi]\nlisten = "0.0.0.0:1"\nallowed_peers = ["10.0.0.1"]\nnetwork_address = "10.0.0.2:1"',
    '[rvi]\nlisten = "[::1]:1"\nnetwork_address = "host:1"',
    '[installer]\ndefault = "command"\ncommand.program = "x"',
    '[rvi]\nnode_dialect = "jsonrpc"',
  ]) {
    assert.equal(errors(text), []);
  }
});

test('reads sizes in every unit', () => {
  const sizes = ['"0"', '"7 B"', '"2KiB"', '"16 MiB"', '"1 GiB"', '4096'];
  assert.equal(
    sizes.map((size) => good(`[storage]\nmin_free = ${size}`).settings.storage.minFreeBytes),
    [0, 7, 2048, 16_777_216, 1_073_741_824, 4096],
  );
});

test('shows a configuration that reads back to the same settings', () => {
  for (const text of [everything, undefined]) {
    const first = good(text);
    assert.equal(good(printEntries(first.entries)).settings, first.settings);
  }
});

test('shows where each value came from', () => {
  const { entries } = good('[log]\nlevel = "warn"', { SOTA_AGENT_LOG_FORMAT: 'json' });
  const shown = printEntries(entries).split('\n');
  assert.is(shown[1], `# vin is not set${' '.repeat(28)} # default`);
  assert.equal(shown.slice(-3), [
    '[log]',
    `level = "warn"${' '.repeat(30)} # c.toml:2`,
    `format = "json"${' '.repeat(29)} # environment SOTA_AGENT_LOG_FORMAT`,
  ]);
});

test.run();
