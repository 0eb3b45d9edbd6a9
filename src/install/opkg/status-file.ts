// The status file of opkg: one text file with all packages. opkg rewrites it in place at the end of
// a command and does not sync it, so after a power loss it is old, empty or partial. The agent
// copies it before each attempt, and restores it after an interruption only: packages that are
// absent from a whole file were removed, by Replaces, by Conflicts or by hand.
import { createHash } from 'node:crypto';
import { statusFileBytesMax } from '../../limits.ts';
import { parentOf, readWhole, writeWhole } from '../files.ts';
import { filesIn, missingOf } from './listed.ts';
import type { Disk, DiskResult } from '../../host/ports.ts';

export type Stanza = {
  readonly package: string;
  readonly version: string;
  /** The last word of `Status: install user installed`. */
  readonly state: string;
};

/** A status file and its copy. `sha256` of the copy, in hex; '' if it is unknown. */
export type Copy = { readonly path: string; readonly copy: string; readonly sha256: string };

/** Returns the fields by their lower-case name; of a longer value, its first line. */
export function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    // `trim` is separate: a RegExp that also trims takes hours for a megabyte of spaces.
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

/** Makes durable copies of the files that exist. */
export async function keepCopies(
  disk: Disk,
  paths: readonly string[],
  folder: string,
): Promise<DiskResult<readonly Copy[]>> {
  const copies: Copy[] = [];
  for (const [at, path] of paths.entries()) {
    const text = await readWhole(disk, path, statusFileBytesMax);
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

const sha256Of = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** Syncs a file, if it exists. A failed sync ends the process, as for the files of the agent. */
export async function mustSyncAt(disk: Disk, path: string): Promise<void> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return;
  const synced = await opened.value.sync();
  await opened.value.close();
  if (!synced.ok) throw new Error(`cannot sync ${path}: ${synced.reason}`);
}

// ---------------------------------------------------------------- restore

export type Repair = {
  /** The status files that were written. */
  readonly restored: readonly string[];
  /** The status files that look damaged, and whose copy is damaged as well. */
  readonly lost: readonly string[];
};

/** `isInterrupted`: opkg was interrupted, so a file may also end between two stanzas. */
export async function restore(
  disk: Disk,
  copies: readonly Copy[],
  root: string,
  isInterrupted: boolean,
): Promise<DiskResult<Repair>> {
  const restored: string[] = [];
  const lost: string[] = [];
  for (const { path, copy, sha256 } of copies) {
    const kept = await readWhole(disk, copy, statusFileBytesMax);
    const now = await readWhole(disk, path, statusFileBytesMax);
    if (!now.ok && now.code !== 'ENOENT') return now;
    const isGood = kept.ok && isWhole(kept.value) && hasSum(kept.value, sha256);
    if (!kept.ok || !isGood) {
      // Without an intact copy the file stays as it is, and the install continues.
      const isFit = now.ok && now.value.length > 0 && isWhole(now.value);
      if (kept.ok && !isFit) lost.push(path);
      continue;
    }
    if (now.ok && isComplete(now.value, kept.value, isInterrupted)) {
      if (!isInterrupted || !(await hasForgotten(disk, path, root, now.value, kept.value)))
        continue;
    }
    // In place, so that owner, mode and label stay. The copy stays until the outcome is on flash,
    // for a restart.
    const written = await writeWhole(disk, path, kept.value);
    const named = written.ok ? await disk.syncDirectory(parentOf(path)) : written;
    if (!named.ok) return named;
    restored.push(path);
  }
  return { ok: true, value: { restored, lost } };
}

const textOf = (data: Uint8Array) => Buffer.from(data).toString('utf8');
const hasSum = (data: Uint8Array, sha256: string) => sha256 === '' || sha256Of(data) === sha256;

/** Returns true for an empty file, and for stanzas that an empty line ends. */
function isWhole(data: Uint8Array): boolean {
  if (data.length === 0) return true;
  const text = textOf(data);
  if (text.includes('\0') || !text.endsWith('\n')) return false;
  const parts = text.split(/\n\n+/).filter((part) => part.trim() !== '');
  return parts.every((part) => /^Package:/im.test(part) && /^Status:/im.test(part));
}

/** After an interruption it is empty, or has no empty line at the end. */
function isComplete(now: Uint8Array, copy: Uint8Array, isInterrupted: boolean): boolean {
  if (now.length === 0) return copy.length === 0;
  // A file that a person edited may have no such line.
  const hasEnd = textOf(now).endsWith('\n\n') || !textOf(copy).endsWith('\n\n');
  return isWhole(now) && (hasEnd || !isInterrupted);
}

/**
 * A file that ends between two stanzas looks whole. Then packages are absent from it whose file
 * list and files still exist; a package that was removed has neither.
 */
async function hasForgotten(
  disk: Disk,
  path: string,
  root: string,
  now: Uint8Array,
  copy: Uint8Array,
): Promise<boolean> {
  const known = new Set(stanzasOf(textOf(now)).map((one) => one.package));
  const gone = stanzasOf(textOf(copy)).filter((one) => !known.has(one.package));
  for (const one of gone.filter(({ state }) => state === 'installed')) {
    const files = await filesIn(disk, `${parentOf(path)}/info/${one.package}.list`, root);
    if (files.length > 0 && (await missingOf(disk, root, files)).length === 0) return true;
  }
  return false;
}
