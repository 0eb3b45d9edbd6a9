// Are the files of an .ipk where opkg says that it put them? It says so after a full disk and
// after half an archive, too (installers 2).
import { walkFiles } from './ipk.ts';
import type { Disk, DiskEntry, DiskFile } from '../../host/ports.ts';
import type { IpkFile } from './ipk.ts';

export type Comparison =
  | { readonly kind: 'fits'; readonly count: number }
  | { readonly kind: 'differs'; readonly reason: string }
  /** Nothing to compare with: the member is compressed in a way that is not read here. */
  | { readonly kind: 'opaque'; readonly member: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

export type Thoroughness = {
  /** A cut may leave files of the right size without their bytes. */
  readonly bytes: boolean;
  /** Where no `sync` program made everything durable, each file and folder is synced. */
  readonly sync: boolean;
};

type Folder = { readonly path: string; readonly entries: ReadonlyMap<string, DiskEntry['kind']> };

export async function compareFiles(
  disk: Disk,
  ipk: string,
  root: string,
  conffiles: readonly string[],
  how: Thoroughness,
): Promise<Comparison> {
  const own = new Set(conffiles);
  let folder: Folder | undefined;
  let wrong = 0;
  let first = '';
  const walk = await walkFiles(disk, ipk, async (file) => {
    const path = `${root}/${file.path}`;
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (folder?.path !== parent) folder = await folderAt(disk, parent, how.sync);
    const kind = folder.entries.get(path.slice(parent.length + 1));
    const trouble = await troubleWith(disk, file, path, kind, own.has(file.path), how);
    if (trouble === undefined) return;
    wrong += 1;
    first ||= `${path} ${trouble}`;
  });
  if (!walk.ok) return { kind: 'unreadable', reason: walk.reason };
  if (walk.value.kind === 'opaque') return walk.value;
  const { count } = walk.value;
  if (wrong === 0) return { kind: 'fits', count };
  const others = wrong === 1 ? '' : `, and ${wrong - 1} more`;
  return { kind: 'differs', reason: `${wrong} of ${count} files are wrong: ${first}${others}` };
}

async function folderAt(disk: Disk, path: string, isSynced: boolean): Promise<Folder> {
  const listed = await disk.list(path === '' ? '/' : path);
  const entries = listed.ok ? listed.value : [];
  if (listed.ok && isSynced) {
    const synced = await disk.syncDirectory(path === '' ? '/' : path);
    if (!synced.ok) throw new Error(`cannot sync ${path}: ${synced.reason}`);
  }
  return { path, entries: new Map(entries.map(({ name, kind }) => [name, kind])) };
}

/** What is wrong with an installed file; undefined: nothing. Only regular files are opened. */
async function troubleWith(
  disk: Disk,
  file: IpkFile,
  path: string,
  kind: DiskEntry['kind'] | undefined,
  isConffile: boolean,
  how: Thoroughness,
): Promise<string | undefined> {
  if (kind === undefined) return 'is missing';
  // A conffile is the device's own once it is there; links may be replaced by alternatives.
  if (file.kind !== 'file' || isConffile) return undefined;
  if (kind !== 'file') return 'is no file';
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return `cannot be read: ${opened.code}`;
  try {
    return await differenceOf(opened.value, file, how);
  } finally {
    await opened.value.close();
  }
}

async function differenceOf(
  installed: DiskFile,
  file: IpkFile,
  how: Thoroughness,
): Promise<string | undefined> {
  const size = await installed.size();
  if (!size.ok) return `cannot be read: ${size.code}`;
  if (size.value !== file.sizeBytes) return `has ${size.value} bytes, not ${file.sizeBytes}`;
  const synced = how.sync ? await installed.sync() : undefined;
  if (synced?.ok === false) return `cannot be made durable: ${synced.code}`;
  if (!how.bytes) return undefined;
  let at = 0;
  for await (const wanted of file.content) {
    const found = await installed.read(at, wanted.length);
    if (!found.ok) return `cannot be read: ${found.code}`;
    if (!Buffer.from(found.value).equals(wanted)) return `has other bytes behind byte ${at}`;
    at += wanted.length;
  }
  return undefined;
}
