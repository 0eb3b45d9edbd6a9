// Brings opkg's status file back after an interruption, and only then: packages that are gone from
// a whole file were removed, by Replaces, Conflicts or by hand.
import { filesIn, missingOf } from './listed.ts';
import { parentOf, readWhole, sha256Of, stanzasOf, writeWhole } from './status.ts';
import type { Disk, DiskResult } from '../../host/ports.ts';
import type { Copy } from './status.ts';

export type Repair = {
  /** The status files that were written. */
  readonly restored: readonly string[];
  /** The status files that look interrupted and whose copy is damaged as well. */
  readonly lost: readonly string[];
};

/** `isCut`: opkg was interrupted, so that a file may also end between two stanzas. */
export async function restore(
  disk: Disk,
  copies: readonly Copy[],
  root: string,
  isCut: boolean,
): Promise<DiskResult<Repair>> {
  const restored: string[] = [];
  const lost: string[] = [];
  for (const { path, copy, sha256 } of copies) {
    const kept = await readWhole(disk, copy);
    const now = await readWhole(disk, path);
    if (!now.ok && now.code !== 'ENOENT') return now;
    const isGood = kept.ok && isWhole(kept.value) && isThat(kept.value, sha256);
    if (!kept.ok || !isGood) {
      // A copy that is lost repairs nothing, and prevents nothing.
      const isFit = now.ok && now.value.length > 0 && isWhole(now.value);
      if (kept.ok && !isFit) lost.push(path);
      continue;
    }
    if (now.ok && isAsWhole(now.value, kept.value, isCut)) {
      if (!isCut || !(await hasForgotten(disk, path, root, now.value, kept.value))) continue;
    }
    // In place, so that owner, mode and label stay: until the outcome is on flash the copy is
    // there for another start.
    const written = await writeWhole(disk, path, kept.value);
    const named = written.ok ? await disk.syncDirectory(parentOf(path)) : written;
    if (!named.ok) return named;
    restored.push(path);
  }
  return { ok: true, value: { restored, lost } };
}

const textOf = (data: Uint8Array) => Buffer.from(data).toString('utf8');
const isThat = (data: Uint8Array, sha256: string) => sha256 === '' || sha256Of(data) === sha256;

/** Empty, or stanzas that each begin with a package and are ended by an empty line. */
function isWhole(data: Uint8Array): boolean {
  if (data.length === 0) return true;
  const text = textOf(data);
  if (text.includes('\0') || !text.endsWith('\n')) return false;
  const parts = text.split(/\n\n+/).filter((part) => part.trim() !== '');
  return parts.every((part) => /^Package:/im.test(part) && /^Status:/im.test(part));
}

/** An interruption leaves it empty, or without the empty line that opkg writes at the end. */
function isAsWhole(now: Uint8Array, copy: Uint8Array, isCut: boolean): boolean {
  if (now.length === 0) return copy.length === 0;
  // A file made by hand may lack that line.
  const hasEnd = textOf(now).endsWith('\n\n') || !textOf(copy).endsWith('\n\n');
  return isWhole(now) && (hasEnd || !isCut);
}

/**
 * A file that was interrupted between two stanzas looks whole. Then packages are gone from it whose
 * file list and files are all there; a package that was removed has neither.
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
