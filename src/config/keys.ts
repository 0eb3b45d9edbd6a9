// The table of all keys: where each stands, what it takes, and its default. Everything else about
// the configuration (what is unknown, what `config` prints, the environment) is derived from it.
import {
  absolutePath,
  absolutePathOrNone,
  deliveryPath,
  listenAddress,
  nodeUrl,
  peers,
  program,
  programOrNone,
  proxyUrl,
  reachableAddress,
  socketFolderOrNone,
  socketPath,
} from './addresses.ts';
import {
  count,
  flag,
  oneOf,
  optional,
  rules,
  seconds,
  setOf,
  size,
  text,
  words,
} from './readers.ts';
import type { Settings } from '../core/settings.ts';
import type { Reader } from './readers.ts';

/** Reads one key; `fallback` is spelt as in the file and goes through the same reader. */
export type Take = <T>(path: string, reader: Reader<T>, fallback?: unknown) => T;

const day = 86_400;

const vin = text(
  'the vehicle identification number: letters, digits, dots, dashes and underscores, at most 64',
  (spelt) => /^[\w.-]{1,64}$/.test(spelt),
);

const uuid = text('a UUID such as "123e4567-e89b-42d3-a456-426655440000"', (spelt) =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(spelt),
);

const servicePrefix = text(
  'a service prefix such as "genivi.org/backend", without slashes at its ends',
  (spelt) => /^[^\s/](?:[^\s]*[^\s/])?$/.test(spelt) && !/[\u0000-\u001f\u007f]/.test(spelt),
);

const group = text('the name of a group in /etc/group, or its number', (spelt) =>
  /^[\w][\w.-]{0,63}\$?$/.test(spelt),
);

export function readKeys(take: Take): Settings {
  return {
    device: {
      vin: take('device.vin', optional(vin)),
      uuid: take('device.uuid', optional(uuid)),
    },
    rvi: readRvi(take),
    storage: {
      directory: take('storage.dir', absolutePath, '/var/lib/sota-agent'),
      reserveBytes: take('storage.reserve', size(1024 ** 4), '16 MiB'),
    },
    policy: {
      accept: take('policy.accept', oneOf('auto', 'ask'), 'auto'),
      dependencies: take('policy.dependencies', oneOf('ask', 'accept'), 'ask'),
    },
    installer: readInstaller(take),
    reboot: {
      program: take('reboot.program', program, 'systemctl'),
      args: take('reboot.args', words('["reboot"]'), ['reboot']),
      allow: take('reboot.allow', words('["/usr/bin/vehicle-is-parked"]'), []),
      check: take('reboot.check', words('["/usr/bin/check-boot", "--quick"]'), []),
    },
    control: {
      socket: take('control.socket', socketPath, '/run/sota-agent/control.sock'),
      group: take('control.group', optional(group)),
    },
    log: {
      level: take('log.level', oneOf('debug', 'info', 'warn', 'error'), 'info'),
      format: take('log.format', oneOf('text', 'json'), 'text'),
    },
  };
}

function readRvi(take: Take): Settings['rvi'] {
  return {
    url: take('rvi.url', nodeUrl, 'http://127.0.0.1:8901'),
    listen: take('rvi.listen', listenAddress, '127.0.0.1:9080'),
    allow: take('rvi.allow', peers, []),
    networkAddress: take('rvi.network_address', optional(reachableAddress)),
    path: take('rvi.path', deliveryPath, 'secret'),
    backend: take('rvi.backend', servicePrefix, 'genivi.org/backend'),
    registerEveryMs: take('rvi.register_every', seconds(1, day), 300),
    // More than a day is read as relative milliseconds by some nodes (protocol 1.6).
    messageLifeMs: take('rvi.timeout', seconds(1, day), 90),
    stallMs: take('rvi.stall', seconds(0.1, 600), 10),
    finishTimeoutMs: take('rvi.finish_timeout', seconds(0.1, 3600), 30),
    // Servers give up after 60 s (protocol 2.4).
    keepAliveMs: take('rvi.keep_alive', seconds(0, 55), 20),
    ack: take('rvi.ack', oneOf('full', 'tail'), 'full'),
    packages: take('rvi.packages', oneOf('all', 'strict'), 'all'),
    messages: take('rvi.messages', oneOf('auto', 'P1', 'P2', 'P3'), 'auto'),
    dialect: take('rvi.dialect', oneOf('jsonrpc', 'rvi-0.4', 'rvi-0.5'), 'jsonrpc'),
    tls: {
      ca: take('rvi.tls_ca', optional(absolutePath)),
      cert: take('rvi.tls_cert', optional(absolutePath)),
      key: take('rvi.tls_key', optional(absolutePath)),
    },
    proxy: take('rvi.proxy', optional(proxyUrl)),
  };
}

function readInstaller(take: Take): Settings['installer'] {
  const installers = ['opkg', 'swupdate', 'command'] as const;
  return {
    enabled: take('installer.enabled', setOf(installers), []),
    default: take('installer.default', oneOf('auto', ...installers), 'auto'),
    rules: take('installer.rules', rules(installers), []),
    // Beyond it a reboot loop would go on for days (limits of other agents: 28).
    attempts: take('installer.attempts', count(1, 28), 3),
    timeoutMs: take('installer.timeout', seconds(1, day), 3600),
    workDirectory: take('installer.work_dir', absolutePathOrNone, ''),
    opkg: {
      program: take('installer.opkg.program', program, 'opkg'),
      args: take('installer.opkg.args', words('["--force-downgrade"]'), []),
      statusFile: take('installer.opkg.status_file', absolutePathOrNone, ''),
    },
    swupdate: {
      program: take('installer.swupdate.program', program, 'swupdate'),
      args: take('installer.swupdate.args', words('["-k", "/etc/swupdate/public.pem"]'), []),
      versionsFile: take('installer.swupdate.versions_file', absolutePath, '/etc/sw-versions'),
      check: take('installer.swupdate.check', words('["/usr/bin/check-update"]'), []),
      sockets: take('installer.swupdate.sockets', socketFolderOrNone, ''),
      reboot: take('installer.swupdate.reboot', flag, false),
    },
    command: {
      program: take('installer.command.program', programOrNone, ''),
      args: take('installer.command.args', words('["--file"]'), []),
    },
  };
}
