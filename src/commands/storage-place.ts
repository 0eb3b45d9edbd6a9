// Whether the file system of `storage.dir` keeps what is stored there. Printed by `config`, and at
// the start.
import type { Complaint } from '../config.ts';
import type { CommandPorts, Invocation } from './ports.ts';

type Given = Pick<Invocation, 'settings' | 'configuration'>;

const key = 'storage.dir';

export function storageWarnings(
  { storageLoss }: Pick<CommandPorts, 'storageLoss'>,
  { settings, configuration }: Given,
): readonly Complaint[] {
  const { directory } = settings.storage;
  const loss = storageLoss(directory);
  const mend = 'set it to a directory that keeps its files';
  return loss === undefined
    ? []
    : complaint(configuration, { problem: `${directory} ${loss}`, mend });
}

/** What `config` reports, and the start refuses by itself. */
export async function storageErrors(
  { checkFileSystem }: Pick<CommandPorts, 'checkFileSystem'>,
  { settings, configuration }: Given,
): Promise<readonly Complaint[]> {
  const checked = await checkFileSystem(settings.storage.directory);
  if (checked.ok) return [];
  return complaint(configuration, { problem: 'is refused at the start', mend: checked.reason });
}

function complaint(
  { entries }: Given['configuration'],
  said: Pick<Complaint, 'problem' | 'mend'>,
): readonly Complaint[] {
  const origin = entries.find((one) => one.key === key)?.origin ?? { kind: 'default' };
  return [{ origin, key, ...said }];
}
