// The table of all keys: name, reader, default and former name of each. The rest of the
// configuration is derived from it: unknown keys, the output of `config`, the environment.
import {
  absolutePath,
  absolutePathOrNone,
  deliveryPath,
  listenAddress,
  nodeUrl,
  peers,
  program,
  proxyUrl,
  reachableAddress,
  socketPath,
} from './addresses.ts';
import {
  count,
  oneOf,
  optional,
  renamed,
  rules,
  seconds,
  setOf,
  size,
  text,
  words,
} from './readers.ts';
import { installerNames } from '../install/installers.ts';
import { readSections } from './installer-sections.ts';
import type { AgentSettings } from '../install/installers.ts';
import type { Reader } from './readers.ts';

/**
 * Reads one key. `fallback` is the default, as in the file; the reader checks it as well. The file
 * and the environment may use `formerly`, the name of the key in older versions.
 */
export type Take = <T>(key: string, reader: Reader<T>, fallback?: unknown, formerly?: string) => T;

const day = 86_400;

const vin = text(
  'the vehicle identification number: letters, digits, dots, dashes and underscores, at most 64',
  (value) => /^[\w.-]{1,64}$/.test(value),
);

const uuid = text('a UUID such as "123e4567-e89b-42d3-a456-426655440000"', (value) =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value),
);

const servicePrefix = text(
  'a service prefix such as "genivi.org/backend", without slashes at its ends',
  (value) => /^[^\s/](?:[^\s]*[^\s/])?$/.test(value) && !/[\u0000-\u001f\u007f]/.test(value),
);

const group = text('the name of a group in /etc/group, or its number', (value) =>
  /^[\w][\w.-]{0,63}\$?$/.test(value),
);

const consent = renamed(oneOf('automatic', 'required'), { auto: 'automatic', ask: 'required' });

const healthCheck = words('["/usr/bin/check-boot", "--quick"]');

const serverDialect = oneOf('auto', 'P1', 'P2', 'P3');

const nodeDialect = oneOf('jsonrpc', 'rvi-0.4', 'rvi-0.5');

export function readKeys(take: Take): AgentSettings {
  return {
    device: {
      vin: take('device.vin', optional(vin)),
      uuid: take('device.uuid', optional(uuid)),
    },
    rvi: readRvi(take),
    storage: {
      directory: take('storage.dir', absolutePath, '/var/lib/sota-agent'),
      minFreeBytes: take('storage.min_free', size(1024 ** 4), '16 MiB', 'storage.reserve'),
    },
    policy: {
      consent: take('policy.consent', consent, 'automatic', 'policy.accept'),
      dependencies: take('policy.dependencies', oneOf('ask', 'accept'), 'ask'),
    },
    installer: readInstaller(take),
    reboot: {
      program: take('reboot.program', program, 'systemctl'),
      args: take('reboot.args', words('["reboot"]'), ['reboot']),
      allow: take('reboot.allow', words('["/usr/bin/vehicle-is-parked"]'), []),
      healthCheck: take('reboot.health_check', healthCheck, [], 'reboot.check'),
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

function readRvi(take: Take): AgentSettings['rvi'] {
  return {
    url: take('rvi.url', nodeUrl, 'http://127.0.0.1:8901'),
    listen: take('rvi.listen', listenAddress, '127.0.0.1:9080'),
    allowedPeers: take('rvi.allowed_peers', peers, [], 'rvi.allow'),
    networkAddress: take('rvi.network_address', optional(reachableAddress)),
    path: take('rvi.path', deliveryPath, 'secret'),
    servicePrefix: take('rvi.service_prefix', servicePrefix, 'genivi.org/backend', 'rvi.backend'),
    registerIntervalMs: take('rvi.register_interval', seconds(1, day), 300, 'rvi.register_every'),
    // Some nodes read more than a day as relative milliseconds (protocol 1.6).
    messageTtlMs: take('rvi.message_ttl', seconds(1, day), 90, 'rvi.timeout'),
    stallTimeoutMs: take('rvi.stall_timeout', seconds(0.1, 600), 10, 'rvi.stall'),
    finishTimeoutMs: take('rvi.finish_timeout', seconds(0.1, 3600), 30),
    // Servers give up after 60 s (protocol 2.4).
    progressIntervalMs: take('rvi.progress_interval', seconds(0, 55), 20, 'rvi.keep_alive'),
    ack: take('rvi.ack', oneOf('auto', 'full', 'tail'), 'auto'),
    inventory: take('rvi.inventory', oneOf('all', 'strict'), 'all', 'rvi.packages'),
    serverDialect: take('rvi.server_dialect', serverDialect, 'auto', 'rvi.messages'),
    nodeDialect: take('rvi.node_dialect', nodeDialect, 'jsonrpc', 'rvi.dialect'),
    tls: {
      ca: take('rvi.tls_ca', optional(absolutePath)),
      cert: take('rvi.tls_cert', optional(absolutePath)),
      key: take('rvi.tls_key', optional(absolutePath)),
    },
    proxy: take('rvi.proxy', optional(proxyUrl)),
  };
}

function readInstaller(take: Take): AgentSettings['installer'] {
  return {
    enabled: take('installer.enabled', setOf(installerNames), []),
    default: take('installer.default', oneOf('auto', ...installerNames), 'auto'),
    rules: take('installer.rules', rules(installerNames), []),
    // With more attempts, a reboot loop would last for days. Another agent has the limit 28.
    maxAttempts: take('installer.max_attempts', count(1, 28), 3, 'installer.attempts'),
    timeoutMs: take('installer.timeout', seconds(1, day), 3600),
    workDirectory: take('installer.work_dir', absolutePathOrNone, ''),
    ...readSections(take),
  };
}
