// Checks the owner of the control socket, and explains why there is no answer at the socket.
import { plain } from '../sanitize.ts';
import type { ConfigError } from '../config.ts';
import type { Unreachable } from '../control/client.ts';
import type { Settings } from '../settings.ts';
import type { CommandPorts, Invocation } from './ports.ts';

/**
 * Returns false if another user may receive the request. A command that only reads prints a warning
 * instead, because a false answer changes nothing.
 */
export function checkSocketOwner(
  { terminal, socketExposure }: CommandPorts,
  { control, storage }: Settings,
  command: string,
): boolean {
  const { file, folder } = socketExposure(control.socket, storage.directory);
  const problem = file ?? folder;
  if (problem === undefined) return true;
  const hint = 'see control.socket';
  if (['accept', 'decline', 'renew-path'].includes(command)) {
    const why = 'the program that answers there may not be the daemon, so nothing was sent';
    terminal.err(plain(`${problem}: ${why}: ${hint}`) + '\n');
    return false;
  }
  const why = 'the program that answers there may not be the daemon';
  terminal.err(plain(`warning: ${problem}: ${why}: ${hint}`) + '\n');
  return true;
}

/** Returns undefined if no daemon is known to run. */
export async function hiddenDaemonText(
  ports: CommandPorts,
  { control, storage }: Settings,
  { code, reason }: Unreachable,
): Promise<string | undefined> {
  if (code === 'EACCES' || code === 'EPERM') return undefined;
  const holder = await ports.lockHolder(storage.directory);
  if (holder === undefined) return undefined;
  const pid = holder.pid === undefined ? '' : ` (process ${holder.pid})`;
  return plain(
    `the daemon runs${pid}, but its control socket is not reachable (${reason}): ` +
      `see control-socket-failed in its log and correct control.socket (${control.socket}); ` +
      'if the daemon is starting or stopping, try again',
  );
}

/** `config` and `run` print these warnings. */
export function socketWarnings(
  { socketExposure }: CommandPorts,
  { settings, configuration }: Pick<Invocation, 'settings' | 'configuration'>,
): readonly ConfigError[] {
  const key = 'control.socket';
  const origin = configuration.entries.find((one) => one.key === key)?.origin;
  const { file, folder, early } = socketExposure(
    settings.control.socket,
    settings.storage.directory,
  );
  const found = file ?? folder ?? early;
  if (origin === undefined || found === undefined) return [];
  const problem = `may belong to another user: ${found}`;
  const hint = 'use a directory that only the user of the agent can change';
  return [{ origin, key, problem, hint }];
}
