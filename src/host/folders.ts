// A folder, with those above it. Node's own (`recursive`) never ends below /proc, where none can be
// made and each is said to be missing; and of a read-only file system it says that, too.
import { promises as fs } from 'node:fs';
import { dirname } from 'node:path';

export async function makeFolders(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isMissing || dirname(path) === path) throw error;
    await makeFolders(dirname(path));
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await fs.mkdir(path);
  } catch (error) {
    const found = await fs.stat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) throw error;
  }
}
