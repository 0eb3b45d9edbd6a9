// Maps the keys and values of a configuration to those of version 0.1.0.
import type { Toml } from './agent.ts';

/** Former key, current key, its value as in version 0.1.0, and the current value. */
export type FormerKey = readonly [former: string, current: string, old: string, value: string];

const rules = (name: string) => `[{ name = "rootfs-*", ${name} = "swupdate" }]`;

export const formerKeys: readonly FormerKey[] = [
  ['rvi.allow', 'rvi.allowed_peers', '["127.0.0.1"]', '["127.0.0.1"]'],
  ['rvi.backend', 'rvi.service_prefix', '"example.org/ota"', '"example.org/ota"'],
  ['rvi.register_every', 'rvi.register_interval', '60', '60'],
  ['rvi.timeout', 'rvi.message_ttl', '120', '120'],
  ['rvi.stall', 'rvi.stall_timeout', '4', '4'],
  ['rvi.keep_alive', 'rvi.progress_interval', '15', '15'],
  ['rvi.packages', 'rvi.inventory', '"strict"', '"strict"'],
  ['rvi.messages', 'rvi.server_dialect', '"P2"', '"P2"'],
  ['rvi.dialect', 'rvi.node_dialect', '"jsonrpc"', '"jsonrpc"'],
  ['storage.reserve', 'storage.min_free', '"8 MiB"', '"8 MiB"'],
  ['policy.accept', 'policy.consent', '"ask"', '"required"'],
  ['installer.attempts', 'installer.max_attempts', '5', '5'],
  ['installer.rules', 'installer.rules', rules('use'), rules('installer')],
  [
    'installer.swupdate.check',
    'installer.swupdate.verify_command',
    '["/usr/bin/check"]',
    '["/usr/bin/check"]',
  ],
  ['reboot.check', 'reboot.health_check', '["/usr/bin/health"]', '["/usr/bin/health"]'],
];

/** Returns the same configuration for version 0.1.0. Rules are unchanged. */
export function withFormerKeys(table: Toml, section = ''): Toml {
  const entries = Object.entries(table).map(([name, value]): [string, Toml[string]] => {
    const key = section === '' ? name : `${section}.${name}`;
    if (typeof value === 'object' && !Array.isArray(value)) {
      return [name, withFormerKeys(Object.fromEntries(Object.entries(value)), key)];
    }
    const found = formerKeys.find(([former, current]) => current === key && former !== key);
    if (found === undefined) return [name, value];
    const [former, , old, current] = found;
    const isOld = JSON.stringify(value) === current;
    return [former.slice(former.lastIndexOf('.') + 1), isOld ? JSON.parse(old) : value];
  });
  return Object.fromEntries(entries);
}
