// One agent at a time in a storage directory. The lock names its holder; a holder that is gone, or
// of an earlier boot, holds nothing, so a power cut never locks anybody out.
import { promises as fs, readlinkSync, renameSync, rmSync } from 'node:fs';
import process from 'node:process';
import { makeFolders } from './folders.ts';
import type { DiskResult } from './ports.ts';

/**
 * Held until the process is gone, and not just until its work ends: an installer that it started
 * may go on longer.
 */
export async function takeLock(directory: string): Promise<DiskResult<void>> {
  const path = `${directory}/lock`;
  try {
    await makeFolders(directory);
    for (let round = 0; round < 10; round++) {
      if (await make(path)) {
        process.once('exit', () => rmSync(path, { force: true }));
        return { ok: true, value: undefined };
      }
      const holder = nameIn(path);
      if (await isAlive(holder)) return held(path, holder);
      await removeOf(holder, path);
    }
    return held(path, 'somebody');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const isCoded = error instanceof Error && 'code' in error;
    const code = isCoded ? String(error.code) : 'EUNKNOWN';
    return { ok: false, code, reason: `cannot lock ${directory}: ${reason}` };
  }
}

function held(path: string, holder: string): DiskResult<never> {
  const reason = `another agent (process ${holder.split(' ')[0]}) holds ${path}; stop it first`;
  return { ok: false, code: 'EBUSY', reason };
}

/**
 * A symbolic link: of two that make it at once, one does; it is never half written; and it needs
 * no block, so that an agent starts also where the disk is full.
 */
async function make(path: string): Promise<boolean> {
  try {
    await fs.symlink(await describe(process.pid), path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Nobody where it is gone again, or no link: a stranger's file names no holder. */
function nameIn(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/**
 * Somebody else may have found the same dead holder, and be the new one by now: so it is looked at
 * right before it is moved, and behind that once more.
 */
async function removeOf(dead: string, path: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  if (moveOf(dead, path, aside)) await fs.rm(aside, { recursive: true, force: true });
}

function moveOf(dead: string, path: string, aside: string): boolean {
  try {
    if (nameIn(path) !== dead) return false;
    renameSync(path, aside);
    if (nameIn(aside) === dead) return true;
    renameSync(aside, path);
  } catch {
    // It is gone, by the hand of another.
  }
  return false;
}

/** Process number, its start time and the boot: together never the same twice. */
async function describe(pid: number): Promise<string> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [startTime, state] = [fields[19], fields[0]];
  // Killed, and only not yet waited for by its parent.
  if (state === 'Z') return '';
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
