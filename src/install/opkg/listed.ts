// Whose files are these? opkg keeps a list for each package; a list that is empty means that opkg
// unpacked nothing, whatever its exit code was.
import { parentOf, readWhole } from './status.ts';
import type { Disk, DiskEntry } from '../../host/ports.ts';
import type { Opkg } from './opkg-cli.ts';
import type { Places } from './paths.ts';

/** The files of a package as opkg lists them, relative to the root. Empty if it lists none. */
export async function filesOf(
  disk: Disk,
  opkg: Opkg,
  places: Places,
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

/** Those of `paths` that opkg lists for a package other than `name`. */
export async function ownedByOthers(
  disk: Disk,
  places: Places,
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

/** Those of `paths` that are not there. */
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
    if (!names.has(whole.slice(whole.lastIndexOf('/') + 1))) missing.push(path);
  }
  return missing;
}

const infoFoldersOf = ({ statusFiles }: Places) =>
  statusFiles.map((path) => `${parentOf(path)}/info`.replace('//', '/'));

/** A line is a path, from 0.6 on with the mode and the target of a link behind tabs. */
export async function filesIn(disk: Disk, file: string, root: string): Promise<readonly string[]> {
  const read = await readWhole(disk, file);
  const text = read.ok ? Buffer.from(read.value).toString('utf8') : '';
  const paths = text.split('\n').map((line) => line.replace(/\t.*$/, ''));
  return paths.filter((path) => path.startsWith('/')).map((path) => relativeTo(root, path));
}

/** Some versions list the offline root as well. */
function relativeTo(root: string, path: string): string {
  const inside = root !== '' && path.startsWith(`${root}/`) ? path.slice(root.length) : path;
  return inside.replace(/^\/+/, '').replace(/\/+$/, '');
}
