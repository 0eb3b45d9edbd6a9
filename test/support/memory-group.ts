// Control groups that limit the memory of the processes in them.
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a group with a limit can be made: version 2, or version 1. */
const places = [
  { root: '/sys/fs/cgroup', controllers: 'cgroup.subtree_control', name: 'memory.max' },
  { root: '/sys/fs/cgroup/memory', controllers: undefined, name: 'memory.limit_in_bytes' },
] as const;

type Place = { readonly controllers: string | undefined; readonly name: string };
export type Group = { readonly folder: string; readonly place: Place; readonly end: () => void };

/** Returns undefined if no group can be made here. `above`: the group in which the new one is. */
export function makeGroup(bytes: number, above?: Group): Group | undefined {
  const all = above === undefined ? places : [{ root: above.folder, ...above.place }];
  for (const { root, controllers, name } of all) {
    // Where version 1 is mounted below, the root is no group.
    if (!existsSync(join(root, 'cgroup.procs'))) continue;
    const folder = join(root, `sota-agent-${process.pid}-${bytes}`);
    try {
      if (controllers !== undefined) writeFileSync(join(root, controllers), '+memory');
      mkdirSync(folder);
      writeFileSync(join(folder, name), String(bytes));
      return { folder, place: { controllers, name }, end: () => rmdirSync(folder) };
    } catch {
      if (existsSync(folder)) rmdirSync(folder);
    }
  }
  return undefined;
}
