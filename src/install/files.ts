// Small files that installers read and write as a whole, and the parts of a path.
import type { Disk, DiskFile, DiskResult } from '../host/ports.ts';
import type { Head } from './installer.ts';

export const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/')) || '/';
export const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** Opens the file for reading, and closes it after `act`. */
export async function withFile<T>(
  disk: Disk,
  path: string,
  act: (file: DiskFile) => Promise<DiskResult<T>>,
): Promise<DiskResult<T>> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return opened;
  try {
    return await act(opened.value);
  } finally {
    await opened.value.close();
  }
}

/** Returns the first bytes of a file; also of one in /proc, which has no size. */
export function readStart(
  disk: Disk,
  path: string,
  bytesMax: number,
): Promise<DiskResult<Uint8Array>> {
  return withFile(disk, path, (file) => file.read(0, bytesMax));
}

export async function readHead(
  disk: Disk,
  path: string,
  bytesMax: number,
): Promise<DiskResult<Head>> {
  const read = await readStart(disk, path, bytesMax);
  if (!read.ok) return read;
  return { ok: true, value: { bytes: read.value, isWhole: read.value.length < bytesMax } };
}

/** Returns the whole file; EFBIG if it has more than `bytesMax` bytes. */
export function readWhole(
  disk: Disk,
  path: string,
  bytesMax: number,
): Promise<DiskResult<Uint8Array>> {
  return withFile<Uint8Array>(disk, path, async (file) => {
    const size = await file.size();
    if (!size.ok) return size;
    if (size.value <= bytesMax) return file.read(0, size.value);
    return { ok: false, code: 'EFBIG', reason: `${path} has ${size.value} bytes` };
  });
}

/** Writes the whole file in place, and syncs it. Its name is durable after `syncDirectory`. */
export async function writeWhole(
  disk: Disk,
  path: string,
  data: Uint8Array,
): Promise<DiskResult<void>> {
  const opened = await disk.open(path, 'create');
  if (!opened.ok) return opened;
  const file = opened.value;
  const emptied = await file.truncate(0);
  const written = emptied.ok ? await file.write(data, 0) : emptied;
  const synced = written.ok ? await file.sync() : written;
  await file.close();
  return synced;
}

/** Returns the object in a JSON text; an empty one if the text is anything else. */
export function jsonObject(text: string): { readonly [key: string]: unknown } {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

export function asObject(value: unknown): { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
