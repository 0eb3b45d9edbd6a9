// A folder, with those above it. Node's own (`recursive`) never ends below /proc, where none can be
// made and each is said to be missing; and of a read-only file system it says that, too.
import { promises as fs } from 'node:fs';
import { dirname } from 'node:path';

/** Of what the agent keeps; others may pass through the folders above it. */
const ownMode = 0o700;
const aboveMode = 0o755;

/** What is there already keeps its mode; what is made has `mode`, whatever the umask. */
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
    // The umask may take from the mode, and never adds to it.
    await fs.mkdir(path, mode);
  } catch (error) {
    const found = await fs.stat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) throw error;
    return;
  }
  await fs.chmod(path, mode);
}
