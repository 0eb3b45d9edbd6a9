// Where opkg installs to and keeps its status, as far as the agent must know: from the arguments
// that it is given, never by a guess about its own configuration files.
import { readWhole } from './status.ts';
import type { Settings } from '../../core/settings.ts';
import type { Disk } from '../../host/ports.ts';

export type Places = {
  /** Without a slash at its end; empty: the device's own root. */
  readonly root: string;
  /** Into another root nothing is configured before its first boot. */
  readonly isOffline: boolean;
  readonly statusFiles: readonly string[];
};

/** opkg 0.2 and later, opkg 0.1 and OpenWrt's. */
const statusFiles = ['/var/lib/opkg/status', '/usr/lib/opkg/status'];

export async function placesOf(
  disk: Disk,
  { args, statusFile }: Settings['installer']['opkg'],
): Promise<Places> {
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

/** `-o ROOT`, `-oROOT`, `--offline-root ROOT`, `--offline-root=ROOT`; the last one counts. */
function optionOf(args: readonly string[], short: string, long: string): string | undefined {
  let found: string | undefined;
  for (const [at, arg] of args.entries()) {
    if (arg === short || arg === long) found = args[at + 1] ?? found;
    else if (arg.startsWith(`${long}=`)) found = arg.slice(long.length + 1);
    else if (arg.startsWith(short) && !arg.startsWith('--')) found = arg.slice(short.length);
  }
  return found;
}

/** `dest NAME PATH` of a configuration file: the named one, else the first. */
async function destOf(disk: Disk, conf: string, named: string | undefined): Promise<string> {
  const read = await readWhole(disk, conf);
  const text = read.ok ? Buffer.from(read.value).toString('utf8') : '';
  const dests = [...text.matchAll(/^\s*dest\s+(\S+)\s+(\S+)/gm)];
  const dest = dests.find(([, name]) => name === named) ?? dests[0];
  return dest?.[2] ?? '/';
}
