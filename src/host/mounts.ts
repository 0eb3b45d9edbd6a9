// How the file system is mounted that a path lies on.
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Returns the mount options of `path`, or of the nearest folder above it that exists, such as
 * `rw`, `noexec`. Empty if the kernel does not tell.
 */
export function mountOptions(path: string): readonly string[] {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = optionsAt(folder);
    if (found !== undefined || folder === dirname(folder)) return found ?? [];
  }
}

/** By the open folder itself, so that links and hidden mounts do not matter. */
function optionsAt(folder: string): readonly string[] | undefined {
  let file: number;
  try {
    file = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return undefined;
  }
  try {
    const known = readFileSync(`/proc/self/fdinfo/${file}`, 'utf8');
    const [, id = ''] = /^mnt_id:\s*(\d+)$/m.exec(known) ?? [];
    return optionsOf(readFileSync('/proc/self/mountinfo', 'utf8'), id);
  } catch {
    return [];
  } finally {
    closeSync(file);
  }
}

/** A line is `id parent device root place options tags - type source options`. */
export function optionsOf(mountinfo: string, id: string): readonly string[] {
  for (const line of mountinfo.split('\n')) {
    const [own, , , , , options = '', ...rest] = line.split(' ');
    if (own !== id) continue;
    const ofAll = rest.slice(rest.indexOf('-') + 3).join(',');
    return [...new Set(`${options},${ofAll}`.split(','))].filter((one) => one !== '');
  }
  return [];
}
