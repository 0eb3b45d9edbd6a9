// Checks of the configuration that need the device: whether the file system of `storage.dir` keeps
// its files, and whether keys name the same place through a link or an address of this device.
// `config` and `run` print the results.
import { ownAddress } from '../config/own-address.ts';
import { paths } from '../config/paths.ts';
import type { ConfigError } from '../config.ts';
import type { CommandPorts, Invocation } from './ports.ts';

type Given = Pick<Invocation, 'settings' | 'configuration'>;

export function storageWarnings(
  { storageLoss }: Pick<CommandPorts, 'storageLoss'>,
  { settings, configuration }: Given,
): readonly ConfigError[] {
  const { directory } = settings.storage;
  const loss = storageLoss(directory);
  const hint = 'set it to a directory that keeps its files';
  return loss === undefined
    ? []
    : errorAt(configuration, { problem: `${directory} ${loss}`, hint });
}

/** Returns errors for `config` and `run`; the checks without the device were made before. */
export function placeErrors(
  { realPath, ownHosts }: Pick<CommandPorts, 'realPath' | 'ownHosts'>,
  { settings, configuration }: Given,
): readonly ConfigError[] {
  const found = [...paths(settings, realPath), ...ownAddress(settings, ownHosts)];
  return found.flatMap((one) => errorAt(configuration, one, one.key));
}

/** Returns the errors that `config` prints; the start makes this check itself. */
export async function storageErrors(
  { checkFileSystem }: Pick<CommandPorts, 'checkFileSystem'>,
  { settings, configuration }: Given,
): Promise<readonly ConfigError[]> {
  const checked = await checkFileSystem(settings.storage.directory);
  if (checked.ok) return [];
  return errorAt(configuration, { problem: 'is rejected at the start', hint: checked.reason });
}

function errorAt(
  { entries }: Given['configuration'],
  { problem, hint }: Pick<ConfigError, 'problem' | 'hint'>,
  key = 'storage.dir',
): readonly ConfigError[] {
  const origin = entries.find((one) => one.key === key)?.origin ?? { kind: 'default' };
  return [{ origin, key, problem, hint }];
}
