// The lock of version 0.1.0: a symbolic link whose target is the process number, start time and
// boot id of its owner. It does not identify an owner in another PID namespace.
import { promises as fs } from 'node:fs';

/** Returns the process number; undefined: version 0.1.0 did not write this text. */
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
    // A zombie: the process has ended, but its parent has not waited for it.
    return fields[0] !== 'Z' && fields[19] === startTime;
  } catch {
    return false;
  }
}
