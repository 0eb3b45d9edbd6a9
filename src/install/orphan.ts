// An installer that outlived the agent which started it (a crash, a kill; no power cut). While it
// runs, nothing that one could ask says the truth, and a second one beside it may break the device.
import type { Clock, Disk } from '../host/ports.ts';

export type OrphanPorts = { readonly disk: Disk; readonly clock: Clock };

/** What tells it from every other process: all that it starts inherit the first, not the second. */
export type Orphan = { readonly path: string; readonly program: string };

const pollMs = 200;
const textBytesMax = 131_072;

/** The environment of a program that installs the payload at `path`. */
export const markOf = (path: string) => ({ SOTA_PACKAGE_FILE: path });

export async function isRunning(disk: Disk, { path, program }: Orphan): Promise<boolean> {
  const listed = await disk.list('/proc');
  if (!listed.ok) return false;
  const mark = `SOTA_PACKAGE_FILE=${path}`;
  for (const { name } of listed.value) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await wordsIn(disk, `/proc/${name}/environ`);
    if (!environment.includes(mark)) continue;
    // Services that it started have the environment, too, and stay for ever.
    const words = await wordsIn(disk, `/proc/${name}/cmdline`);
    if (words.some((word) => lastOf(word) === lastOf(program) || word.includes(path))) return true;
  }
  return false;
}

/** False: it still runs when the time is up. */
export async function outlast(ports: OrphanPorts, orphan: Orphan, limitMs: number) {
  const untilMs = ports.clock.nowMs() + limitMs;
  while (await isRunning(ports.disk, orphan)) {
    if (ports.clock.nowMs() >= untilMs) return false;
    await new Promise<void>((resolve) => void ports.clock.after(pollMs, resolve));
  }
  return true;
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
