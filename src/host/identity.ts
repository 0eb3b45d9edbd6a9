// The names and addresses of this device, and paths without links, for checks of the configuration.
import { realpathSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Returns the host name and the addresses of all interfaces; empty if they cannot be read. */
export function ownHosts(): readonly string[] {
  try {
    const interfaces = Object.values(networkInterfaces());
    const addresses = interfaces.flatMap((all = []) => all.map(({ address }) => address));
    return [hostname(), ...addresses].filter((one) => one !== '');
  } catch {
    return [];
  }
}

/** Returns `path` with links resolved in its existing part; the rest stays unchanged. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(realPath(dirname(path)), basename(path));
  }
}
