// Measures a tree of processes: its CPU time, and the time in which it was ready and waited for a
// CPU (proc(5): stat, schedstat). A slow machine shows in the second value, a hang in neither.
import { readFileSync, readdirSync } from 'node:fs';

export type Activity = {
  /** CPU time since the last call, of all processes of the tree. */
  readonly cpuMs: number;
  /** Whether the tree works, or is ready and waits for a CPU. */
  readonly isBusy: boolean;
};

type Stat = {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly cpuMs: number;
};

/** A tick of proc(5) is 10 ms on every Linux. */
const tickMs = 10;
/** A process that only polls uses less than this share of the time. */
const workShare = 0.03;
/** The share of CPU time and waiting for a CPU; a process with less sleeps. */
const readyShare = 0.2;

/**
 * Returns the activity of the tree below `root` since the previous call; the first call returns all
 * of it.
 */
export function createMeter(root: number): (elapsedMs: number) => Activity {
  let last = new Map<number, { readonly cpuMs: number; readonly delayMs: number }>();
  return (elapsedMs) => {
    const seen = new Map<number, { readonly cpuMs: number; readonly delayMs: number }>();
    let [cpuMs, delayMs, isBlocked] = [0, 0, false];
    for (const { pid, cpuMs: usedMs } of treeOf(root)) {
      const tasks = tasksOf(pid);
      const before = last.get(pid) ?? { cpuMs: 0, delayMs: 0 };
      seen.set(pid, { cpuMs: usedMs, delayMs: tasks.delayMs });
      cpuMs += Math.max(0, usedMs - before.cpuMs);
      delayMs += Math.max(0, tasks.delayMs - before.delayMs);
      isBlocked ||= tasks.isBlocked;
    }
    last = seen;
    const isWorking = cpuMs >= workShare * elapsedMs && cpuMs + delayMs >= readyShare * elapsedMs;
    return { cpuMs, isBusy: isWorking || isBlocked };
  };
}

/**
 * Returns `root`, its descendants, and processes of its group or session whose parent is not in the
 * tree.
 */
function treeOf(root: number): readonly Stat[] {
  const all = namesIn('/proc').filter(isNumber).flatMap(statOf);
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const descends = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
      if (at === root) return true;
    }
    return false;
  };
  return all.filter(
    ({ pid, group, session }) => group === root || session === root || descends(pid),
  );
}

function statOf(name: string): readonly Stat[] {
  const text = read(`/proc/${name}/stat`);
  // The name of the program is in brackets, and may contain any character.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (index: number) => Number(fields[index]);
  if (fields.length < 15) return [];
  const cpuMs = tickMs * (at(11) + at(12) + at(13) + at(14));
  return [{ pid: Number(name), parent: at(1), group: at(2), session: at(3), cpuMs }];
}

/** Over all threads: the time of waiting for a CPU, and whether one waits for a disk. */
function tasksOf(pid: number): { readonly delayMs: number; readonly isBlocked: boolean } {
  let [delayMs, isBlocked] = [0, false];
  for (const task of namesIn(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${task}`;
    // Without schedstat in the kernel the share of CPU time alone decides.
    delayMs += Number(read(`${path}/schedstat`).split(' ')[1] ?? 0) / 1e6;
    isBlocked ||= /\) D /.test(read(`${path}/stat`));
  }
  return { delayMs, isBlocked };
}

const isNumber = (name: string) => /^\d+$/.test(name);

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
