// The mount options of the file system of a path, and whether its files survive a reboot.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { realPath } from './identity.ts';

type Mount = {
  readonly type: string;
  readonly source: string;
  /** Options of the mount, then of the file system. */
  readonly options: readonly string[];
};

/**
 * Returns the mount options of `path`, or of the nearest folder above it that exists, such as
 * `rw`, `noexec`. Empty if they cannot be read.
 */
export function mountOptions(path: string): readonly string[] {
  const { mountinfo, id } = mountOf(path);
  return optionsOf(mountinfo, id);
}

/** Returns why files at `path` may be lost, as a phrase after the path; undefined: they persist. */
export function storageLossAt(path: string): string | undefined {
  const { mountinfo, id } = mountOf(path);
  return lossOf(mountinfo, id, (layer) => {
    // The path may not exist in the mounts of another namespace.
    if (!existsSync(layer)) return undefined;
    const found = mountOf(layer);
    return readMount(found.mountinfo, found.id)?.type;
  });
}

function mountOf(path: string): { readonly mountinfo: string; readonly id: string } {
  try {
    const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
    return { mountinfo, id: idAt(mountinfo, realPath(path), deviceOf(path)) };
  } catch {
    return { mountinfo: '', id: '' };
  }
}

/** Returns the device of the nearest existing directory as `major:minor`, without opening it. */
function deviceOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return dirname(path) === path ? '' : deviceOf(dirname(path));
  const { dev } = found;
  return `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
}

/**
 * Returns the number of the mount that contains a path without links. The last mount at a place
 * hides the earlier ones; a mount hidden by one above it has another device. A file system with
 * several devices (btrfs) is found by the place alone.
 */
export function idAt(mountinfo: string, path: string, device: string): string {
  const above = mountinfo.split('\n').flatMap((line) => {
    const [id = '', , ofMount = '', , place = ''] = line.split(' ');
    const point = unescaped(place);
    const isAbove = path === point || path.startsWith(point === '/' ? '/' : `${point}/`);
    return isAbove && place !== '' ? [{ id, ofMount, length: point.length }] : [];
  });
  const same = above.filter(({ ofMount }) => ofMount === device);
  const all = same.length > 0 ? same : above;
  const longest = Math.max(...all.map(({ length }) => length));
  return all.findLast(({ length }) => length === longest)?.id ?? '';
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
/** With these options, `sync` returns before the data is on the device. */
const unsynced = ['volatile', 'nobarrier', 'barrier=0', 'fsync_mode=nobarrier'];
const emptyAfterReboot = 'which is empty after a reboot';

/** `typeAt` returns the type of the file system at a path; undefined: unknown. */
export function lossOf(
  mountinfo: string,
  id: string,
  typeAt: (path: string) => string | undefined,
): string | undefined {
  const mount = readMount(mountinfo, id);
  if (mount === undefined) return undefined;
  const { type, source, options } = mount;
  if (inMemory.includes(type)) return `is on ${type}, ${emptyAfterReboot}`;
  if (/^\/dev\/(?:z?ram)\d+$/.test(source)) return `is on ${source}, ${emptyAfterReboot}`;
  const upper = upperOf(mount);
  const below = upper === undefined ? undefined : typeAt(upper);
  if (upper !== undefined && below !== undefined && inMemory.includes(below)) {
    return `is on an overlay whose upper layer (${upper}) is on ${below}, ${emptyAfterReboot}`;
  }
  const found = options.find((one) => unsynced.includes(one));
  if (found === undefined) return undefined;
  return `is mounted with ${found}, so a power loss can remove data that was reported as stored`;
}

/** In an option, a comma of a path is `\,`. */
function upperOf({ type, options }: Mount): string | undefined {
  if (type !== 'overlay') return undefined;
  const upper = options.find((one) => one.startsWith('upperdir='))?.slice('upperdir='.length);
  return upper === undefined ? undefined : unescaped(upper).replace(/\\(.)/g, '$1');
}

/** The kernel writes a space as `\040`. */
function unescaped(text: string): string {
  const toText = (_: string, octal: string) => String.fromCharCode(parseInt(octal, 8));
  return text.replace(/\\([0-7]{3})/g, toText);
}
