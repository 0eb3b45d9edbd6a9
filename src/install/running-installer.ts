// An installer that outlived the agent which started it (a crash, a kill; no power cut). While it
// runs, nothing that one could ask says the truth, and a second one beside it may break the device.
import type { Clock, Disk } from '../host/ports.ts';

export type OrphanPorts = { readonly disk: Disk; readonly clock: Clock };

/** What tells it from every other process: all that it starts inherit the first, not the second. */
export type Orphan = { readonly path: string; readonly program: string };

export type OrphanWatch = { isRunning(): Promise<boolean> };

const pollMs = { min: 200, max: 3_000 };
const textBytesMax = 131_072;

/** The environment of a program that installs the payload at `path`. */
export const markOf = (path: string) => ({ SOTA_PACKAGE_FILE: path });

export function isRunning(disk: Disk, orphan: Orphan): Promise<boolean> {
  return watchOrphan(disk, orphan).isRunning();
}

/** Pauses that grow while an installer is waited for: each look costs the device something. */
export function growingPause(clock: Clock): () => Promise<void> {
  let delayMs = pollMs.min;
  return () =>
    new Promise((resolve) => {
      clock.after(delayMs, resolve);
      delayMs = Math.min(delayMs * 1.5, pollMs.max);
    });
}

/**
 * Looks through all processes once, then only at the one that it found. When that one has ended it
 * looks through all again, since another may go on with the work.
 */
export function watchOrphan(disk: Disk, orphan: Orphan): OrphanWatch {
  let found: Found | undefined;
  return {
    isRunning: async () => {
      if (found !== undefined && (await isStill(disk, orphan, found))) return true;
      found = await find(disk, orphan);
      return found !== undefined;
    },
  };
}

/** False: it still runs when the time is up. */
export async function outlast(ports: OrphanPorts, orphan: Orphan, limitMs: number) {
  const { disk, clock } = ports;
  const untilMs = clock.nowMs() + limitMs;
  const watch = watchOrphan(disk, orphan);
  const pause = growingPause(clock);
  while (await watch.isRunning()) {
    if (clock.nowMs() >= untilMs) return false;
    await pause();
  }
  return true;
}

/** A process number is used again: only the start time makes it one process. */
type Found = { readonly pid: string; readonly startTicks: string };

async function find(disk: Disk, orphan: Orphan): Promise<Found | undefined> {
  const listed = await disk.list('/proc');
  if (!listed.ok) return undefined;
  const mark = `SOTA_PACKAGE_FILE=${orphan.path}`;
  for (const { name: pid } of listed.value) {
    if (!/^\d+$/.test(pid)) continue;
    const environment = await wordsIn(disk, `/proc/${pid}/environ`);
    if (!environment.includes(mark) || !(await isInstaller(disk, orphan, pid))) continue;
    const startTicks = await startOf(disk, pid);
    if (startTicks !== undefined) return { pid, startTicks };
  }
  return undefined;
}

async function isStill(disk: Disk, orphan: Orphan, { pid, startTicks }: Found): Promise<boolean> {
  return (await startOf(disk, pid)) === startTicks && isInstaller(disk, orphan, pid);
}

/** Services that it started have the environment, too, and stay for ever. */
async function isInstaller(disk: Disk, { path, program }: Orphan, pid: string): Promise<boolean> {
  const words = await wordsIn(disk, `/proc/${pid}/cmdline`);
  return words.some((word) => lastOf(word) === lastOf(program) || word.includes(path));
}

/** Undefined: it is gone, or a zombie. */
async function startOf(disk: Disk, pid: string): Promise<string | undefined> {
  const [text = ''] = await wordsIn(disk, `/proc/${pid}/stat`);
  // The name, in parentheses, may hold blanks and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = 'X'] = fields;
  return ['Z', 'X', ''].includes(state) ? undefined : fields[19];
}

/** None of a process that is gone, a zombie, or somebody else's. */
async function wordsIn(disk: Disk, path: string): Promise<readonly string[]> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return [];
  const read = await opened.value.read(0, textBytesMax);
  await opened.value.close();
  return read.ok ? Buffer.from(read.value).toString().split('\0') : [];
}

const lastOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
