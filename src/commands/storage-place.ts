// What only the device can tell of the configuration: whether the file system of `storage.dir`
// keeps what is stored there, and whether keys name one place by a link or by an address of this
// device. Printed by `config`, and at the start.
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
    : complaint(configuration, { problem: `${directory} ${loss}`, hint });
}

/** Errors of both commands; those that need no device were found before. */
export function placeErrors(
  { realPath, ownHosts }: Pick<CommandPorts, 'realPath' | 'ownHosts'>,
  { settings, configuration }: Given,
): readonly ConfigError[] {
  const found = [...paths(settings, realPath), ...ownAddress(settings, ownHosts)];
  return found.flatMap((one) => complaint(configuration, one, one.key));
}

/** What `config` reports, and the start refuses by itself. */
export async function storageErrors(
  { checkFileSystem }: Pick<CommandPorts, 'checkFileSystem'>,
  { settings, configuration }: Given,
): Promise<readonly ConfigError[]> {
  const checked = await checkFileSystem(settings.storage.directory);
  if (checked.ok) return [];
  return complaint(configuration, { problem: 'is refused at the start', hint: checked.reason });
}

function complaint(
  { entries }: Given['configuration'],
  { problem, hint }: Pick<ConfigError, 'problem' | 'hint'>,
  key = 'storage.dir',
): readonly ConfigError[] {
  const origin = entries.find((one) => one.key === key)?.origin ?? { kind: 'default' };
  return [{ origin, key, problem, hint }];
}
