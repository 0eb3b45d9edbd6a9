// File systems that cannot keep what the agent promises. FAT has no permissions, no sockets and no
// links, and its rename is not atomic: a power cut in a rewrite may leave no journal at all.
import { promises as fs } from 'node:fs';
import { dirname } from 'node:path';
import type { DiskResult } from './ports.ts';

/** By the type that statfs gives (linux/magic.h). */
const unfit: ReadonlyMap<number, string> = new Map([
  [0x4d44, 'FAT'],
  [0x2011bab0, 'exFAT'],
]);

/** Looks at the directory, or at the nearest one above it that is there. */
export async function checkFileSystem(
  directory: string,
  typeOf: (path: string) => Promise<number> = async (path) => (await fs.statfs(path)).type,
): Promise<DiskResult<void>> {
  const type = await typeOf(directory).catch(() => undefined);
  const above = dirname(directory);
  if (type === undefined && above !== directory) return checkFileSystem(above, typeOf);
  const name = type === undefined ? undefined : unfit.get(type);
  if (name === undefined) return { ok: true, value: undefined };
  const reason =
    `${directory} is on a ${name} file system, which loses files in a power cut and keeps no ` +
    'permissions: set storage.dir to a directory on ext4, F2FS, UBIFS or another journaling one';
  return { ok: false, code: 'ENOTSUP', reason };
}
