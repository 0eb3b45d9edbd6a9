// How the file system is mounted that a path lies on, and whether it keeps its files.
import { closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

type Mount = {
  readonly type: string;
  readonly source: string;
  /** Of the mount, then of the file system. */
  readonly options: readonly string[];
};

/**
 * Returns the mount options of `path`, or of the nearest folder above it that exists, such as
 * `rw`, `noexec`. Empty if the kernel does not tell.
 */
export function mountOptions(path: string): readonly string[] {
  const { mountinfo, id } = mountOf(path);
  return optionsOf(mountinfo, id);
}

/** Returns why files at `path` may be lost, in words that follow the path; undefined: they stay. */
export function forgetfulness(path: string): string | undefined {
  const { mountinfo, id } = mountOf(path);
  return lossOf(mountinfo, id, (layer) => {
    // In the mounts of another namespace this path may not exist.
    if (!existsSync(layer)) return undefined;
    const found = mountOf(layer);
    return readMount(found.mountinfo, found.id)?.type;
  });
}

function mountOf(path: string): { readonly mountinfo: string; readonly id: string } {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = mountAt(folder);
    if (found !== undefined) return found;
    if (folder === dirname(folder)) return { mountinfo: '', id: '' };
  }
}

/** By the open folder itself, so that links and hidden mounts do not matter. */
function mountAt(folder: string): ReturnType<typeof mountOf> | undefined {
  let file: number;
  try {
    file = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return undefined;
  }
  try {
    const known = readFileSync(`/proc/self/fdinfo/${file}`, 'utf8');
    const [, id = ''] = /^mnt_id:\s*(\d+)$/m.exec(known) ?? [];
    return { mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'), id };
  } catch {
    return { mountinfo: '', id: '' };
  } finally {
    closeSync(file);
  }
}

export function optionsOf(mountinfo: string, id: string): readonly string[] {
  return readMount(mountinfo, id)?.options ?? [];
}

/** A line is `id parent device root place options tags - type source options`. */
function readMount(mountinfo: string, id: string): Mount | undefined {
  for (const line of mountinfo.split('\n')) {
    const [own, , , , , options = '', ...rest] = line.split(' ');
    if (own !== id || id === '') continue;
    const [type = '', source = '', ofAll = ''] = rest.slice(rest.indexOf('-') + 1);
    const all = `${options},${ofAll}`.split(/(?<!\\),/);
    return { type, source, options: [...new Set(all)].filter((one) => one !== '') };
  }
  return undefined;
}

const inMemory = ['tmpfs', 'ramfs', 'devtmpfs', 'rootfs'];
/** With these a `sync` returns before the data is on the device. */
const unsynced = ['volatile', 'nobarrier', 'barrier=0', 'fsync_mode=nobarrier'];
const isEmptied = 'which is empty after a reboot';

/** `typeAt` returns the type of the file system at a path; undefined: it cannot be seen. */
export function lossOf(
  mountinfo: string,
  id: string,
  typeAt: (path: string) => string | undefined,
): string | undefined {
  const mount = readMount(mountinfo, id);
  if (mount === undefined) return undefined;
  const { type, source, options } = mount;
  if (inMemory.includes(type)) return `is on ${type}, ${isEmptied}`;
  if (/^\/dev\/(?:z?ram)\d+$/.test(source)) return `is on ${source}, ${isEmptied}`;
  const upper = upperOf(mount);
  const below = upper === undefined ? undefined : typeAt(upper);
  if (upper !== undefined && below !== undefined && inMemory.includes(below)) {
    return `is on an overlay whose upper layer (${upper}) is on ${below}, ${isEmptied}`;
  }
  const found = options.find((one) => unsynced.includes(one));
  if (found === undefined) return undefined;
  return `is mounted with ${found}, so that a power loss takes what was reported as stored`;
}

/** The kernel writes a blank as `\040`, and a comma in a path as `\,`. */
function upperOf({ type, options }: Mount): string | undefined {
  if (type !== 'overlay') return undefined;
  const upper = options.find((one) => one.startsWith('upperdir='))?.slice('upperdir='.length);
  return upper
    ?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
    .replace(/\\(.)/g, '$1');
}
