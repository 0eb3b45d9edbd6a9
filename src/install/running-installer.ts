// Finds an installer that a former agent started and that still runs (after a crash or a kill, not
// after a power loss), and waits for its end. While it runs, the package manager has no reliable
// answers, and a second installer may damage the device.
import { nameOf, readStart } from './files.ts';
import { growingPause } from './waiting.ts';
import type { Clock, Disk } from '../host/ports.ts';

export type RunningPorts = { readonly disk: Disk; readonly clock: Clock };

/**
 * The installer of the payload at `path`. Its children have the same environment; only the program
 * distinguishes it from them.
 */
export type RunningInstaller = { readonly path: string; readonly program: string };

export type Watch = { isRunning(): Promise<boolean> };

const textBytesMax = 131_072;

/** The variable of a program that installs the payload at `path`. */
export const payloadVariable = (path: string) => ({ SOTA_PACKAGE_FILE: path });

export function isRunning(disk: Disk, installer: RunningInstaller): Promise<boolean> {
  return watchInstaller(disk, installer).isRunning();
}

/**
 * Reads all processes once, then only the one that it found. When that one has ended, all are read
 * again, because another process may continue the work.
 */
export function watchInstaller(disk: Disk, installer: RunningInstaller): Watch {
  let found: Found | undefined;
  return {
    isRunning: async () => {
      if (found !== undefined && (await isStill(disk, installer, found))) return true;
      found = await find(disk, installer);
      return found !== undefined;
    },
  };
}

/** Waits until the installer has ended. Returns false if it still runs after `limitMs`. */
export async function waitForEnd(
  { disk, clock }: RunningPorts,
  installer: RunningInstaller,
  limitMs: number,
): Promise<boolean> {
  const untilMs = clock.nowMs() + limitMs;
  const watch = watchInstaller(disk, installer);
  const pause = growingPause(clock);
  while (await watch.isRunning()) {
    if (clock.nowMs() >= untilMs) return false;
    await pause();
  }
  return true;
}

/** The kernel uses a process number again; with its start time it identifies one process. */
type Found = { readonly pid: string; readonly startTicks: string };

async function find(disk: Disk, installer: RunningInstaller): Promise<Found | undefined> {
  const listed = await disk.list('/proc');
  if (!listed.ok) return undefined;
  const variable = `SOTA_PACKAGE_FILE=${installer.path}`;
  for (const { name: pid } of listed.value) {
    if (!/^\d+$/.test(pid)) continue;
    const variables = await stringsIn(disk, `/proc/${pid}/environ`);
    if (!variables.includes(variable) || !(await isInstaller(disk, installer, pid))) continue;
    const startTicks = await startOf(disk, pid);
    if (startTicks !== undefined) return { pid, startTicks };
  }
  return undefined;
}

async function isStill(
  disk: Disk,
  installer: RunningInstaller,
  { pid, startTicks }: Found,
): Promise<boolean> {
  return (await startOf(disk, pid)) === startTicks && isInstaller(disk, installer, pid);
}

/** Services that the installer started have the same environment, and keep running. */
async function isInstaller(
  disk: Disk,
  { path, program }: RunningInstaller,
  pid: string,
): Promise<boolean> {
  const args = await stringsIn(disk, `/proc/${pid}/cmdline`);
  return args.some((arg) => nameOf(arg) === nameOf(program) || arg.includes(path));
}

/** Undefined: the process is gone, or a zombie. */
async function startOf(disk: Disk, pid: string): Promise<string | undefined> {
  const [text = ''] = await stringsIn(disk, `/proc/${pid}/stat`);
  // The name is in parentheses, and may contain spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = 'X'] = fields;
  return ['Z', 'X', ''].includes(state) ? undefined : fields[19];
}

/** Returns none for a process that is gone, is a zombie, or belongs to another user. */
async function stringsIn(disk: Disk, path: string): Promise<readonly string[]> {
  const read = await readStart(disk, path, textBytesMax);
  return read.ok ? Buffer.from(read.value).toString().split('\0') : [];
}
