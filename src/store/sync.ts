// Syncs that must succeed.
import { assert } from '../assert.ts';
import type { DiskFile, DiskResult } from '../host/ports.ts';

/**
 * A failed fsync is never retried: the kernel may have dropped the pages, and the next fsync would
 * succeed.
 */
export async function mustSync(file: DiskFile): Promise<void> {
  assertSynced(file.path, await file.sync());
}

export function assertSynced(path: string, synced: DiskResult<void>): void {
  assert(synced.ok, `fsync of ${path} failed: ${synced.ok ? '' : synced.reason}`);
}
