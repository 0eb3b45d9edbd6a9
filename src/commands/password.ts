// Warns of a configuration file with a password that other users can read. `config` and `run` print
// the warning.
import { exposure } from '../sanitize.ts';
import type { ConfigError } from '../config.ts';
import type { CommandPorts, Invocation } from './ports.ts';

export async function passwordWarnings(
  { disk }: CommandPorts,
  { settings, configuration }: Pick<Invocation, 'settings' | 'configuration'>,
): Promise<readonly ConfigError[]> {
  const key = 'rvi.proxy';
  const origin = configuration.entries.find((one) => one.key === key)?.origin;
  if (settings.rvi.proxy?.authorization === undefined || origin?.kind !== 'file') return [];
  const opened = await disk.open(origin.file, 'read');
  if (!opened.ok) return [];
  const mode = await opened.value.mode();
  await opened.value.close();
  const found = mode.ok ? exposure(mode.value) : undefined;
  if (found === undefined) return [];
  const problem = `contains a password, and ${origin.file} ${found}`;
  const hint = `chmod 600 ${origin.file}, and chown it to the user of the agent`;
  return [{ origin, key, problem, hint }];
}
