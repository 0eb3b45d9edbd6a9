// The lock of version 0.1.0: a symbolic link to a text that names its holder by process number,
// start time and boot. It says nothing of a holder in another PID namespace.
import { promises as fs } from 'node:fs';

/** Undefined: no such agent wrote this text. */
export function linkHolder(text: string): number | undefined {
  const found = /^(\d+) \d+ \S+$/.exec(text);
  const pid = Number(found?.[1]);
  return pid > 0 ? pid : undefined;
}

export async function isLinkAlive(text: string): Promise<boolean> {
  const [pid = '', startTime, bootId] = text.split(' ');
  try {
    const own = await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    if (own.trim() !== bootId) return false;
    const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Killed, and only not yet waited for by its parent.
    return fields[0] !== 'Z' && fields[19] === startTime;
  } catch {
    return false;
  }
}
