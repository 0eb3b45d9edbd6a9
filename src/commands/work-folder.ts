// Checks the working directory of SWUpdate and of the scripts in a .swu. `config` and `run` print
// the warnings.
import type { ConfigError } from '../config.ts';
import type { CommandPorts, Invocation } from './ports.ts';

export async function workFolderWarnings(
  { disk, mountOptions }: CommandPorts,
  { settings, configuration }: Pick<Invocation, 'settings' | 'configuration'>,
): Promise<readonly ConfigError[]> {
  const { enabled, workDirectory } = settings.installer;
  if (!enabled.includes('swupdate')) return [];
  const key = workDirectory === '' ? 'storage.dir' : 'installer.work_dir';
  const path = workDirectory === '' ? settings.storage.directory : workDirectory;
  const origin = configuration.entries.find((one) => one.key === key)?.origin;
  if (origin === undefined) return [];
  const found: ConfigError[] = [];
  if (mountOptions(path).includes('noexec')) {
    const problem =
      `${path} is on a file system that is mounted noexec: without a SWUpdate daemon, ` +
      'the scripts of a .swu fail there ("Permission denied")';
    const hint = 'set installer.work_dir to a directory on another file system';
    found.push({ origin, key, problem, hint });
  }
  if (key === 'installer.work_dir' && (await isWritableForAll(disk, path))) {
    const problem = `${path} is writable for all users, who can replace the programs of SWUpdate`;
    found.push({ origin, key, problem, hint: 'use a directory of the user of the agent' });
  }
  return found;
}

async function isWritableForAll(disk: CommandPorts['disk'], path: string): Promise<boolean> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return false;
  const mode = await opened.value.mode();
  await opened.value.close();
  return mode.ok && (mode.value & 0o002) !== 0;
}
