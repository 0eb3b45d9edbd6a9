// Creates a directory and its parents. Node's `recursive` never ends below /proc, where mkdir
// reports each parent as missing, and it reports a read-only file system as a missing parent.
import { promises as fs } from 'node:fs';
import { dirname } from 'node:path';

/** The mode of directories of the agent; the parents permit other users to pass. */
const ownMode = 0o700;
const aboveMode = 0o755;

/** Existing directories keep their mode. New ones get `mode`, independent of the umask. */
export async function makeFolders(path: string, mode = ownMode): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isMissing || dirname(path) === path) throw error;
    await makeFolders(dirname(path), aboveMode);
    await makeOne(path, mode);
  }
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    // The umask may remove bits of the mode.
    await fs.mkdir(path, mode);
  } catch (error) {
    const found = await fs.stat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) throw error;
    return;
  }
  await fs.chmod(path, mode);
}
