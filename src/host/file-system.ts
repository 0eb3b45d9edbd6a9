// File systems that do not meet the requirements of the agent. FAT has no permissions, sockets or
// links, and its rename is not atomic: a power loss during a rewrite may leave no journal. Kernel
// interfaces such as proc store no files.
import { promises as fs } from 'node:fs';
import { dirname } from 'node:path';
import type { DiskResult } from './ports.ts';

const ofFat = 'which can lose files after a power loss and has no permissions';
const ofKernel = 'which is an interface of the kernel and stores no files';

/** By the type that statfs returns (linux/magic.h). */
const unfit: ReadonlyMap<number, readonly [name: string, why: string]> = new Map([
  [0x4d44, ['a FAT file system', ofFat]],
  [0x2011bab0, ['an exFAT file system', ofFat]],
  [0x9fa0, ['proc', ofKernel]],
  [0x62656572, ['sysfs', ofKernel]],
  [0x27e0eb, ['cgroup', ofKernel]],
  [0x63677270, ['cgroup2', ofKernel]],
  [0x64626720, ['debugfs', ofKernel]],
  [0x74726163, ['tracefs', ofKernel]],
  [0x73636673, ['securityfs', ofKernel]],
  [0x62656570, ['configfs', ofKernel]],
  [0x6165676c, ['pstore', ofKernel]],
  [0xcafe4a11, ['bpf', ofKernel]],
  [0xde5e81e4, ['efivarfs', ofKernel]],
  [0x19800202, ['mqueue', ofKernel]],
  [0x1cd1, ['devpts', ofKernel]],
]);

type TypeOf = (path: string) => Promise<number>;

/** Checks the directory, or the nearest existing one above it. */
export async function checkFileSystem(
  directory: string,
  typeOf: TypeOf = async (path) => (await fs.statfs(path)).type,
): Promise<DiskResult<void>> {
  const found = unfit.get((await nearestType(directory, typeOf)) ?? 0);
  if (found === undefined) return { ok: true, value: undefined };
  const [name, why] = found;
  const reason =
    `${directory} is on ${name}, ${why}: ` +
    'set storage.dir to a directory on ext4, F2FS, UBIFS or another journaling one';
  return { ok: false, code: 'ENOTSUP', reason };
}

async function nearestType(directory: string, typeOf: TypeOf): Promise<number | undefined> {
  const type = await typeOf(directory).catch(() => undefined);
  const above = dirname(directory);
  return type === undefined && above !== directory ? nearestType(above, typeOf) : type;
}
