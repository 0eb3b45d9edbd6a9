// The root and the status file of opkg: from its arguments, and from the configuration file that
// they name.
import { statusFileBytesMax } from '../../limits.ts';
import { readWhole } from '../files.ts';
import type { Disk } from '../../host/ports.ts';
import type { OpkgSettings } from './settings.ts';

export type OpkgPaths = {
  /** Without a slash at its end; empty: the root of the device. */
  readonly root: string;
  /** In another root the first boot configures the packages. */
  readonly isOffline: boolean;
  readonly statusFiles: readonly string[];
};

/** Of opkg 0.2 and later; of opkg 0.1 and that of OpenWrt. */
const statusFiles = ['/var/lib/opkg/status', '/usr/lib/opkg/status'];

export async function pathsOf(
  disk: Disk,
  { args, statusFile }: Pick<OpkgSettings, 'args' | 'statusFile'>,
): Promise<OpkgPaths> {
  const offline = optionOf(args, '-o', '--offline-root');
  const conf = optionOf(args, '-f', '--conf');
  const named = optionOf(args, '-d', '--dest');
  const dest = conf === undefined ? '/' : await destOf(disk, conf, named);
  const root = `${offline ?? ''}/${dest}`.replace(/\/+/g, '/').replace(/\/$/, '');
  return {
    root,
    isOffline: offline !== undefined,
    statusFiles: statusFile === '' ? statusFiles.map((path) => root + path) : [statusFile],
  };
}

/** `-o ROOT`, `-oROOT`, `--offline-root ROOT`, `--offline-root=ROOT`; the last one is used. */
function optionOf(args: readonly string[], short: string, long: string): string | undefined {
  let found: string | undefined;
  for (const [at, arg] of args.entries()) {
    if (arg === short || arg === long) found = args[at + 1] ?? found;
    else if (arg.startsWith(`${long}=`)) found = arg.slice(long.length + 1);
    else if (arg.startsWith(short) && !arg.startsWith('--')) found = arg.slice(short.length);
  }
  return found;
}

/** Returns PATH of `dest NAME PATH` in a configuration file: the named one, else the first. */
async function destOf(disk: Disk, conf: string, named: string | undefined): Promise<string> {
  const read = await readWhole(disk, conf, statusFileBytesMax);
  const text = read.ok ? Buffer.from(read.value).toString('utf8') : '';
  const dests = [...text.matchAll(/^\s*dest\s+(\S+)\s+(\S+)/gm)];
  const dest = dests.find(([, name]) => name === named) ?? dests[0];
  return dest?.[2] ?? '/';
}
