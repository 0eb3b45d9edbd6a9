// Checks that a directory belongs to the agent before the agent changes anything in it. A wrong
// `storage.dir` must not destroy other data.
import { journalBytesMax } from '../limits.ts';
import { isForeignJournal } from './journal-codec.ts';
import type { Disk, DiskEntry, DiskResult } from '../host/ports.ts';

/** Other names that the agent creates in `storage.dir`, or that an empty file system contains. */
const ownNames = [
  'lock',
  'journal',
  'journal.new',
  'journal.damaged',
  'packages',
  'delivery-path',
  'delivery-path.new',
  'lost+found',
];
/** Names that the agent and its installers create in the folder of a transfer. */
const transferNames = /^(data|package\.ipk|swupdate|tmp|opkg-status-\d+)$/;
const fileNames = [
  'journal',
  'journal.new',
  'journal.damaged',
  'delivery-path',
  'delivery-path.new',
];
const done = { ok: true, value: undefined } as const;
const notOurs = 'ENOTEMPTY';

export async function checkOwnership(disk: Disk, directory: string): Promise<DiskResult<void>> {
  const checked = await check(disk, directory);
  if (checked.ok || checked.code === notOurs) return checked;
  const reason =
    `cannot use ${directory}: ${checked.reason}. ` +
    "Set storage.dir to a directory that the agent's user can read and write";
  return { ...checked, reason };
}

async function check(disk: Disk, directory: string): Promise<DiskResult<void>> {
  const listed = await disk.list(directory);
  // The agent creates a missing directory.
  if (!listed.ok) return listed.code === 'ENOENT' ? done : listed;
  const entries = listed.value;
  const odd = entries.find(isOfWrongKind);
  if (odd !== undefined) {
    const expected = odd.name === 'packages' ? 'a directory' : 'a regular file';
    return rejectDirectory(directory, `"${odd.name}" in it is not ${expected}`);
  }
  const journal = entries.some(({ name }) => name === 'journal')
    ? await readJournal(disk, directory)
    : ({ ok: true, value: 'empty' } as const);
  if (!journal.ok || journal.value === 'ours') return journal.ok ? done : journal;
  if (journal.value === 'foreign') {
    return rejectDirectory(directory, 'its file "journal" contains no record of sota-agent');
  }
  const foreign = entries.find(({ name }) => !isOwnName(name))?.name;
  if (foreign !== undefined) {
    const state = entries.some(({ name }) => name === 'journal') ? 'an empty' : 'no';
    return rejectDirectory(directory, `it has ${state} journal and contains "${foreign}"`);
  }
  return entries.some(({ name }) => name === 'packages') ? checkPackages(disk, directory) : done;
}

function isOwnName(name: string): boolean {
  return ownNames.includes(name) || name.startsWith('lock.');
}

function isOfWrongKind({ name, kind }: DiskEntry): boolean {
  return (
    (name === 'packages' && kind !== 'directory') || (fileNames.includes(name) && kind !== 'file')
  );
}

/** `empty` also if all bytes are zeros: the file was created but never written. */
async function readJournal(
  disk: Disk,
  directory: string,
): Promise<DiskResult<'ours' | 'foreign' | 'empty'>> {
  const opened = await disk.open(`${directory}/journal`, 'read', 'refused');
  if (!opened.ok) return opened;
  const file = opened.value;
  try {
    const size = await file.size();
    if (!size.ok) return size;
    if (size.value > journalBytesMax) return { ok: true, value: 'foreign' };
    const bytes = await file.read(0, size.value);
    if (!bytes.ok) return bytes;
    if (bytes.value.every((byte) => byte === 0)) return { ok: true, value: 'empty' };
    const isForeign = isForeignJournal(bytes.value);
    return { ok: true, value: isForeign ? 'foreign' : 'ours' };
  } finally {
    await file.close();
  }
}

async function checkPackages(disk: Disk, directory: string): Promise<DiskResult<void>> {
  const root = `${directory}/packages`;
  const listed = await disk.list(root);
  if (!listed.ok) return listed;
  for (const entry of listed.value) {
    const within = isTransferFolder(entry) ? await disk.list(`${root}/${entry.name}`) : undefined;
    const foreign =
      within?.ok === true ? within.value.find(({ name }) => !transferNames.test(name))?.name : '';
    if (foreign === undefined) continue;
    const path = foreign === '' ? entry.name : `${entry.name}/${foreign}`;
    return rejectDirectory(directory, `it has no journal and contains "packages/${path}"`);
  }
  return done;
}

/** Returns true for a number as the agent writes it; other names in `packages` are foreign. */
export function isTransferFolder({ name, kind }: DiskEntry): boolean {
  return kind === 'directory' && isTransferNumber(name);
}

/** Returns true for a symbolic link at the name of a transfer folder. */
export function isLink({ name, kind }: DiskEntry): boolean {
  return kind === 'other' && isTransferNumber(name);
}

function isTransferNumber(name: string): boolean {
  const number = Number(name);
  return Number.isSafeInteger(number) && number > 0 && String(number) === name;
}

function rejectDirectory(directory: string, found: string): DiskResult<never> {
  const reason =
    `${directory} does not belong to sota-agent: ${found}. Nothing in it was changed. ` +
    'Set storage.dir to an empty or missing directory, or to one that sota-agent created';
  return { ok: false, code: notOurs, reason };
}
