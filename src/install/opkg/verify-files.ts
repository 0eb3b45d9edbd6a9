// Compares the files on the disk with those of the .ipk, byte by byte. opkg also exits with 0 after
// a full disk, and after half an archive. Reads both as streams: memory does not grow with the
// package.
import { differencesMax } from '../../limits.ts';
import { walkFiles } from './ipk.ts';
import { nameOf, parentOf } from '../files.ts';
import type { Disk, DiskEntry, DiskFile, DiskResult } from '../../host/ports.ts';
import type { IpkFile } from './ipk.ts';

export type Difference = { readonly path: string; readonly problem: string };

export type Comparison =
  /**
   * `first` are the first differences, at most `differencesMax` of them: of files, or if no file
   * differs, of directories.
   */
  | {
      readonly kind: 'compared';
      readonly count: number;
      readonly what: 'files' | 'directories';
      readonly differing: number;
      readonly first: readonly Difference[];
    }
  /** Nothing to compare with: this process cannot decompress the member. */
  | { readonly kind: 'opaque'; readonly member: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

type Look = {
  readonly disk: Disk;
  readonly root: string;
  readonly conffiles: ReadonlySet<string>;
  /** The program `sync` did not run: each file and directory is synced. */
  readonly sync: boolean;
};

type Folder = { readonly path: string; readonly entries: ReadonlyMap<string, DiskEntry['kind']> };

export async function compareFiles(
  disk: Disk,
  ipk: string,
  root: string,
  conffiles: readonly string[],
  sync: boolean,
): Promise<Comparison> {
  const look = { disk, root, conffiles: new Set(conffiles), sync };
  let folder: Folder | undefined;
  const counts = { files: 0, directories: 0 };
  const firsts: { [what in keyof typeof counts]: Difference[] } = { files: [], directories: [] };
  const walk = await walkFiles(disk, ipk, async (file) => {
    const parent = parentOf(`${root}/${file.path}`);
    if (folder?.path !== parent) folder = await folderAt(disk, parent, sync);
    const kind = folder.entries.get(nameOf(file.path));
    const problem = await problemWith(look, file, kind);
    if (problem === undefined) return;
    const what = file.kind === 'directory' ? 'directories' : 'files';
    counts[what] += 1;
    if (firsts[what].length < differencesMax) firsts[what].push({ path: file.path, problem });
  });
  if (!walk.ok) return { kind: 'unreadable', reason: walk.reason };
  if (walk.value.kind === 'opaque') return walk.value;
  const { count } = walk.value;
  const what = counts.files === 0 && counts.directories > 0 ? 'directories' : 'files';
  return { kind: 'compared', count, what, differing: counts[what], first: firsts[what] };
}

async function folderAt(disk: Disk, path: string, isSynced: boolean): Promise<Folder> {
  const listed = await disk.list(path);
  const entries = listed.ok ? listed.value : [];
  if (listed.ok && isSynced) {
    const synced = await disk.syncDirectory(path);
    if (!synced.ok) throw new Error(`cannot sync ${path}: ${synced.reason}`);
  }
  return { path, entries: new Map(entries.map(({ name, kind }) => [name, kind])) };
}

/** Returns what is wrong with an installed file, else undefined. Opens regular files only. */
async function problemWith(
  look: Look,
  file: IpkFile,
  kind: DiskEntry['kind'] | undefined,
): Promise<string | undefined> {
  if (kind === undefined) return 'is missing';
  const path = `${look.root}/${file.path}`;
  switch (file.kind) {
    case 'directory':
      // If /lib is a link to /usr/lib, the link is the directory.
      return kind === 'file' ? 'is not a directory' : undefined;
    case 'symlink':
      if (kind !== 'other') return 'is not a symbolic link';
      return linkProblem(await look.disk.readLink(path), file.target);
    case 'special':
      return kind === 'other' ? undefined : 'is not a special file';
    case 'other':
      return undefined;
    case 'link':
      return hardLinkProblem(look, file, kind);
    case 'file':
      // A conffile belongs to the device as soon as it exists.
      if (look.conffiles.has(file.path)) return undefined;
      return kind === 'file' ? contentProblem(look, file) : 'is not a file';
  }
}

function linkProblem(found: DiskResult<string>, target: string): string | undefined {
  if (!found.ok) return found.code === 'EINVAL' ? 'is not a symbolic link' : unread(found.code);
  return found.value === target ? undefined : `points to ${found.value}, not to ${target}`;
}

/** The entry has no content: it must be equal to its target, which was compared. */
async function hardLinkProblem(
  { disk, root, conffiles }: Look,
  { path, target }: IpkFile,
  kind: DiskEntry['kind'],
): Promise<string | undefined> {
  const name = target.replace(/^(\.?\/+)+/, '');
  if (conffiles.has(path) || conffiles.has(name)) return undefined;
  const [from, to] = [`${root}/${path}`, `${root}/${name}`];
  if (name.split('/').includes('..')) return 'is a link that leaves the root';
  if (kind === 'other') {
    const [one, other] = [await disk.readLink(from), await disk.readLink(to)];
    if (!other.ok) return 'is not a file';
    return linkProblem(one, other.value);
  }
  if (kind !== 'file') return 'is not a file';
  return withFile(disk, from, (one) =>
    withFile(disk, to, (other) => differenceOfFiles(one, other)),
  );
}

async function contentProblem(look: Look, file: IpkFile): Promise<string | undefined> {
  return withFile(look.disk, `${look.root}/${file.path}`, async (installed) => {
    const size = await installed.size();
    if (!size.ok) return unread(size.code);
    if (size.value !== file.sizeBytes) return `has ${size.value} bytes, not ${file.sizeBytes}`;
    const synced = look.sync ? await installed.sync() : undefined;
    if (synced?.ok === false) return `cannot be synced: ${synced.code}`;
    let at = 0;
    for await (const wanted of file.content) {
      const found = await installed.read(at, wanted.length);
      if (!found.ok) return unread(found.code);
      if (!Buffer.from(found.value).equals(wanted)) return `has other bytes after byte ${at}`;
      at += wanted.length;
    }
    return undefined;
  });
}

async function differenceOfFiles(one: DiskFile, other: DiskFile): Promise<string | undefined> {
  for (let at = 0; ; at += pieceBytes) {
    const [left, right] = [await one.read(at, pieceBytes), await other.read(at, pieceBytes)];
    if (!left.ok) return unread(left.code);
    if (!right.ok) return unread(right.code);
    if (!Buffer.from(left.value).equals(right.value)) return `differs from ${other.path}`;
    if (left.value.length === 0) return undefined;
  }
}

const pieceBytes = 65_536;
const unread = (code: string) => `cannot be read: ${code}`;

async function withFile(
  disk: Disk,
  path: string,
  look: (file: DiskFile) => Promise<string | undefined>,
): Promise<string | undefined> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return unread(opened.code);
  try {
    return await look(opened.value);
  } finally {
    await opened.value.close();
  }
}
