// One agent at a time in a storage directory. The file names its holder; a holder that is gone,
// or of an earlier boot, holds nothing, so a power cut never locks anybody out.
import { promises as fs } from 'node:fs';
import process from 'node:process';
import type { DiskResult } from './ports.ts';

export async function takeLock(directory: string): Promise<DiskResult<() => Promise<void>>> {
  const path = `${directory}/lock`;
  const mine = `${path}.${process.pid}`;
  try {
    await fs.mkdir(directory, { recursive: true });
    await fs.writeFile(mine, await describe(process.pid));
    for (let round = 0; round < 3; round++) {
      if (await link(mine, path)) {
        await fs.rm(mine, { force: true });
        return { ok: true, value: () => fs.rm(path, { force: true }) };
      }
      const holder = await fs.readFile(path, 'utf8').catch(() => '');
      if (await isAlive(holder)) return held(mine, path, holder);
      await fs.rm(path, { force: true });
    }
    return held(mine, path, 'somebody');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, code: 'EACCES', reason: `cannot lock ${directory}: ${reason}` };
  }
}

async function held(mine: string, path: string, holder: string): Promise<DiskResult<never>> {
  await fs.rm(mine, { force: true });
  const reason = `another agent (process ${holder.split(' ')[0]}) holds ${path}; stop it first`;
  return { ok: false, code: 'EBUSY', reason };
}

/** Atomic: of two that start at once, one gets it. */
async function link(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Process number, its start time and the boot: together never the same twice. */
async function describe(pid: number): Promise<string> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8');
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return `${pid} ${startTime} ${await readBootId()}`;
}

async function isAlive(holder: string): Promise<boolean> {
  const pid = Number(holder.split(' ')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  return (await describe(pid).catch(() => '')) === holder;
}

export async function readBootId(): Promise<string> {
  return (await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
