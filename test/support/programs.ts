// Which programs of Debian are there; tests that need one say so through `needs`.
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** Daemons stand where the PATH of a user does not always lead. */
const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];

export function hasProgram(name: string): boolean {
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
