// The memory that the kernel lets this process use: the smallest limit of its control group and of
// the groups above it.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

export type MemoryLimit = {
  readonly bytes: number;
  /** The file that has the limit. */
  readonly file: string;
};

/** Reads a file; undefined if that fails. */
export type ReadText = (path: string) => string | undefined;

export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Version 2, alone or next to version 1, then version 1, with the name of the file. */
const hierarchies = [
  { controllers: '', root: '/sys/fs/cgroup', name: 'memory.max' },
  { controllers: '', root: '/sys/fs/cgroup/unified', name: 'memory.max' },
  { controllers: 'memory', root: '/sys/fs/cgroup/memory', name: 'memory.limit_in_bytes' },
] as const;

/** Undefined: there is no limit, or none can be read. */
export function memoryLimit(read: ReadText = readText): MemoryLimit | undefined {
  const lines = (read('/proc/self/cgroup') ?? '').split('\n');
  const found = hierarchies.flatMap(({ controllers, root, name }) =>
    lines.flatMap((line) => {
      const [, names = '', ...path] = line.split(':');
      if (path.length === 0 || !names.split(',').includes(controllers)) return [];
      return upTo(`${root}${path.join(':')}`, root).flatMap((folder) =>
        limitIn(read, `${folder}/${name}`),
      );
    }),
  );
  return found.sort((a, b) => a.bytes - b.bytes)[0];
}

/** The folder and those above it. In a container, only the root may be there. */
function upTo(folder: string, root: string): readonly string[] {
  return folder.length <= root.length || folder === '/'
    ? [root]
    : [folder, ...upTo(dirname(folder), root)];
}

/** Version 1 has no word for "no limit": it is the largest multiple of a page. */
function limitIn(read: ReadText, file: string): readonly MemoryLimit[] {
  const text = read(file)?.trim() ?? '';
  const bytes = Number(text);
  return /^\d+$/.test(text) && bytes < 2 ** 62 ? [{ bytes, file }] : [];
}
