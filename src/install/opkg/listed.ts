// The files of each package, as opkg lists them. An empty list means that opkg unpacked nothing,
// whatever its exit code was.
import { statusFileBytesMax } from '../../limits.ts';
import { nameOf, parentOf, readWhole } from '../files.ts';
import type { Disk, DiskEntry } from '../../host/ports.ts';
import type { Opkg } from './opkg-cli.ts';
import type { OpkgPaths } from './paths.ts';

/** Returns the files of a package, relative to the root; none if opkg lists none. */
export async function filesOf(
  disk: Disk,
  opkg: Opkg,
  places: OpkgPaths,
  name: string,
): Promise<readonly string[]> {
  const answered = await opkg.files(name);
  if (answered.length > 0) return answered.map((path) => relativeTo(places.root, path));
  for (const folder of infoFoldersOf(places)) {
    const listed = await filesIn(disk, `${folder}/${name}.list`, places.root);
    if (listed.length > 0) return listed;
  }
  return [];
}

/** Returns those of `paths` that opkg lists for a package other than `name`. */
export async function ownedByOthers(
  disk: Disk,
  places: OpkgPaths,
  name: string,
  paths: readonly string[],
): Promise<ReadonlySet<string>> {
  const wanted = new Set(paths);
  const owned = new Set<string>();
  for (const folder of infoFoldersOf(places)) {
    const entries = await disk.list(folder);
    for (const entry of entries.ok ? entries.value : []) {
      if (!entry.name.endsWith('.list') || entry.name === `${name}.list`) continue;
      const listed = await filesIn(disk, `${folder}/${entry.name}`, places.root);
      for (const path of listed) if (wanted.has(path)) owned.add(path);
    }
  }
  return owned;
}

/** Returns those of `paths` that do not exist. */
export async function missingOf(
  disk: Disk,
  root: string,
  paths: readonly string[],
): Promise<readonly string[]> {
  let folder = '';
  let names: ReadonlySet<DiskEntry['name']> | undefined;
  const missing: string[] = [];
  for (const path of paths) {
    const whole = `${root}/${path}`;
    const parent = parentOf(whole);
    if (names === undefined || parent !== folder) {
      const listed = await disk.list(parent);
      folder = parent;
      names = new Set(listed.ok ? listed.value.map((entry) => entry.name) : []);
    }
    if (!names.has(nameOf(whole))) missing.push(path);
  }
  return missing;
}

const infoFoldersOf = ({ statusFiles }: OpkgPaths) =>
  statusFiles.map((path) => `${parentOf(path)}/info`.replace('//', '/'));

/** A line is a path; since 0.6 the mode and the target of a link follow after tabs. */
export async function filesIn(disk: Disk, file: string, root: string): Promise<readonly string[]> {
  const read = await readWhole(disk, file, statusFileBytesMax);
  const text = read.ok ? Buffer.from(read.value).toString('utf8') : '';
  const paths = text.split('\n').map((line) => line.replace(/\t.*$/, ''));
  return paths.filter((path) => path.startsWith('/')).map((path) => relativeTo(root, path));
}

/** Some versions also list the offline root. */
function relativeTo(root: string, path: string): string {
  const inside = root !== '' && path.startsWith(`${root}/`) ? path.slice(root.length) : path;
  return inside.replace(/^\/+/, '').replace(/\/+$/, '');
}
