// opkg's memory is one text file, rewritten in place at the end of a command and not synced: a
// power loss leaves it old, empty or half. The agent keeps a copy through each attempt
// (`restore.ts`).
import { createHash } from 'node:crypto';
import { statusFileBytesMax } from '../../limits.ts';
import type { Disk, DiskFile, DiskResult } from '../../host/ports.ts';

export type Stanza = {
  readonly package: string;
  readonly version: string;
  /** The last word of `Status: install user installed`. */
  readonly state: string;
};

/** Where the file is, and where its copy. `sha256` of the copy, in hex; '' if it is not known. */
export type Copy = { readonly path: string; readonly copy: string; readonly sha256: string };

/** Fields by lower-case name; of a value that goes on, the first line. */
export function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    // Spaces are trimmed apart: a RegExp that does both takes hours for a megabyte of spaces.
    const [, name, value] = /^([^\s:]+):(.*)$/.exec(line.trimEnd()) ?? [];
    if (name !== undefined && value !== undefined) fields.set(name.toLowerCase(), value.trim());
  }
  return fields;
}

export function stanzasOf(text: string): readonly Stanza[] {
  return text.split(/\n\s*\n/).flatMap((part) => {
    const fields = fieldsOf(part);
    const [name, version] = [fields.get('package'), fields.get('version')];
    const state = fields.get('status')?.split(' ')[2];
    if (name === undefined || version === undefined || state === undefined) return [];
    return [{ package: name, version, state }];
  });
}

/** Durable copies of those files that are there. */
export async function keepCopies(
  disk: Disk,
  paths: readonly string[],
  folder: string,
): Promise<DiskResult<readonly Copy[]>> {
  const copies: Copy[] = [];
  for (const [at, path] of paths.entries()) {
    const text = await readWhole(disk, path);
    if (!text.ok && text.code === 'ENOENT') continue;
    if (!text.ok) return text;
    const copy = `${folder}/opkg-status-${at}`;
    const written = await writeWhole(disk, copy, text.value);
    if (!written.ok) return written;
    copies.push({ path, copy, sha256: sha256Of(text.value) });
  }
  const named = await disk.syncDirectory(folder);
  return named.ok ? { ok: true, value: copies } : named;
}

export const sha256Of = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
export const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/')) || '/';

export async function readWhole(disk: Disk, path: string): Promise<DiskResult<Uint8Array>> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return opened;
  const read = await readOpened(opened.value);
  await opened.value.close();
  return read;
}

async function readOpened(file: DiskFile): Promise<DiskResult<Uint8Array>> {
  const size = await file.size();
  if (!size.ok) return size;
  if (size.value <= statusFileBytesMax) return file.read(0, size.value);
  return { ok: false, code: 'EFBIG', reason: `${file.path} has ${size.value} bytes` };
}

/** A missing file is no debt; one that cannot be synced ends the process, as ours do. */
export async function mustSyncAt(disk: Disk, path: string): Promise<void> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return;
  const synced = await opened.value.sync();
  await opened.value.close();
  if (!synced.ok) throw new Error(`cannot sync ${path}: ${synced.reason}`);
}

export async function writeWhole(
  disk: Disk,
  path: string,
  data: Uint8Array,
): Promise<DiskResult<void>> {
  const opened = await disk.open(path, 'create');
  if (!opened.ok) return opened;
  const file = opened.value;
  const cut = await file.truncate(0);
  const written = cut.ok ? await file.write(data, 0) : cut;
  const synced = written.ok ? await file.sync() : written;
  await file.close();
  return synced;
}
