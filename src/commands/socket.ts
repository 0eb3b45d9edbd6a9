// Whose the control socket is, and what it means that nobody answers on it.
import { plain } from '../sanitize.ts';
import type { ConfigError } from '../config.ts';
import type { Unreached } from '../control/client.ts';
import type { Settings } from '../core/settings.ts';
import type { CommandPorts, Invocation } from './ports.ts';

/**
 * False: what would be said there goes to somebody else. Of a question it is only warned, since
 * its answer does no harm.
 */
export function mayAsk(
  { terminal, strangersAt }: CommandPorts,
  { control, storage }: Settings,
  command: string,
): boolean {
  const { file, folder } = strangersAt(control.socket, storage.directory);
  const problem = file ?? folder;
  if (problem === undefined) return true;
  const mend = 'see control.socket';
  if (['accept', 'decline', 'renew-path'].includes(command)) {
    const why = 'what answers there may not be the daemon, so nothing was said to it';
    terminal.err(plain(`${problem}: ${why}: ${mend}`) + '\n');
    return false;
  }
  terminal.err(plain(`warning: ${problem}: what answers may not be the daemon: ${mend}`) + '\n');
  return true;
}

/** Undefined: no daemon is known to run. */
export async function hiddenText(
  ports: CommandPorts,
  { control, storage }: Settings,
  { code, reason }: Unreached,
): Promise<string | undefined> {
  if (code === 'EACCES' || code === 'EPERM') return undefined;
  const holder = await ports.lockHolder(storage.directory);
  if (holder === undefined) return undefined;
  const who = holder.pid === undefined ? '' : ` (process ${holder.pid})`;
  return plain(
    `the daemon runs${who}, but its control socket is not reachable (${reason}): ` +
      `see control-socket-failed in its log and correct control.socket (${control.socket}); ` +
      'if the daemon just starts or ends, try again',
  );
}

/** Said by `config` and at the start. */
export function socketWarnings(
  { strangersAt }: CommandPorts,
  { settings, configuration }: Pick<Invocation, 'settings' | 'configuration'>,
): readonly ConfigError[] {
  const key = 'control.socket';
  const origin = configuration.entries.find((one) => one.key === key)?.origin;
  const { file, folder, early } = strangersAt(settings.control.socket, settings.storage.directory);
  const found = file ?? folder ?? early;
  if (origin === undefined || found === undefined) return [];
  const problem = `can be another user's: ${found}`;
  const hint = 'use a folder that only the user of the agent may change';
  return [{ origin, key, problem, hint }];
}
