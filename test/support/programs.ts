// Finds out which programs of Debian are installed, for `needs` of the tests.
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** Daemons are in folders that the PATH of a user often lacks. */
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
