// The port `Disk` on simulated flash. Each process has its own port: a file that a dead process
// opened is not written.
import { done, failure } from './gate.ts';
import {
  allocatedBytes,
  nameIn,
  newDirectory,
  newFile,
  readFile,
  resizeFile,
  syncFile,
  syncNames,
  writeFile,
} from './flash.ts';
import { failSync } from './power-loss.ts';
import { within } from '../support/read-into.ts';
import type { Disk, DiskEntry, DiskFile, DiskResult } from '../../src/host/ports.ts';
import type { Prng } from '../support/prng.ts';
import type { Breath } from './clock.ts';
import type { DirectoryNode, FileNode, Node } from './flash.ts';
import type { DiskFault, Gate, Verb } from './gate.ts';

export type DiskOptions = {
  readonly root: DirectoryNode;
  readonly gate: Gate;
  readonly life: Breath & { readonly number: number };
  readonly prng: Prng;
  readonly capacityBytes: () => number;
  /** If false, the system has no program that reserves blocks. */
  readonly canReserve: boolean;
  /**
   * Called when an internal invariant failed: a second sync after a failed one, a write out of
   * bounds.
   */
  readonly onViolation: (what: string) => void;
  /** Every write is in this directory. */
  readonly directory: string;
};

export function createDisk(options: DiskOptions): Disk {
  const { root, gate, life, prng } = options;

  function pass<T>(
    verb: Verb,
    path: string,
    perform: () => DiskResult<T>,
    fail: (code: DiskFault['code']) => DiskResult<T> = failure,
  ): Promise<DiskResult<T>> {
    return gate.pass(life, { verb, path }, perform, fail);
  }

  /** A write elsewhere is a defect of the agent, even where it would succeed. */
  function guard(path: string): void {
    const isInside = path === options.directory || path.startsWith(`${options.directory}/`);
    if (!isInside) options.onViolation(`wrote outside the storage directory: ${path}`);
  }

  const freeBytes = () => options.capacityBytes() - allocatedBytes(root);

  function open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskResult<DiskFile>> {
    const isNew = mode === 'create' && find(root, path) === undefined;
    if (isNew) guard(path);
    return pass(isNew ? 'create' : 'open', path, () => {
      const known = find(root, path);
      if (known?.kind === 'directory') return failure('EISDIR');
      if (known !== undefined) return { ok: true, value: fileOf(path, known) };
      const [parent, name] = parentOf(root, path);
      if (mode !== 'create' || parent === undefined) return failure('ENOENT');
      const node = newFile();
      nameIn(parent, { kind: 'add', name, node });
      return { ok: true, value: fileOf(path, node) };
    });
  }

  function fileOf(path: string, file: FileNode): DiskFile {
    const grow = (sizeBytes: number) =>
      Math.max(0, sizeBytes - Math.max(file.current.sizeBytes, file.reservedBytes));
    const write = (data: Uint8Array, offsetBytes: number): DiskResult<void> => {
      if (grow(offsetBytes + data.length) > freeBytes()) return failure('ENOSPC');
      writeFile(file, data, offsetBytes);
      return done;
    };
    return {
      path,
      write: (data, offsetBytes) => {
        guard(path);
        const shortly = (code: DiskFault['code']): DiskResult<void> => {
          // A part was written before the disk failed; the agent does not get its length.
          if (code === 'short') write(data.subarray(0, prng.below(data.length)), offsetBytes);
          return failure(code === 'short' ? 'ENOSPC' : code);
        };
        return pass('write', path, () => write(data, offsetBytes), shortly);
      },
      read: (offsetBytes, sizeBytes, into) =>
        pass('read', path, () => ({
          ok: true,
          value: within(readFile(file.current, offsetBytes, sizeBytes), into),
        })),
      truncate: (sizeBytes) => {
        guard(path);
        return pass('truncate', path, () => {
          resizeFile(file, sizeBytes);
          return done;
        });
      },
      size: () => pass('size', path, () => ({ ok: true, value: file.current.sizeBytes })),
      mode: () => Promise.resolve({ ok: true, value: 0o600 }),
      sync: () => {
        const covered = file.changes;
        return pass(
          'sync',
          path,
          () => sync(path, file, covered),
          (code) => unsynced(file, code),
        );
      },
      close: () => Promise.resolve(),
    };
  }

  function sync(path: string, file: FileNode, covered: FileNode['changes']): DiskResult<void> {
    if (file.failedIn === life.number) {
      options.onViolation(`synced ${path} again after a failed sync`);
    }
    syncFile(file, covered);
    return done;
  }

  function unsynced(file: FileNode, code: string): DiskResult<void> {
    failSync(file, prng);
    file.failedIn = life.number;
    return failure(code);
  }

  function reserve(path: string, sizeBytes: number, keepSize: boolean) {
    guard(path);
    return pass<{ readonly reserved: boolean }>('reserve', path, () => {
      const file = find(root, path);
      if (file?.kind !== 'file') return failure('ENOENT');
      if (!options.canReserve) return { ok: true, value: { reserved: false } };
      const haveBytes = Math.max(file.current.sizeBytes, file.reservedBytes);
      if (sizeBytes - haveBytes > freeBytes()) return failure('ENOSPC');
      file.reservedBytes = Math.max(file.reservedBytes, sizeBytes);
      if (!keepSize && sizeBytes > file.current.sizeBytes) resizeFile(file, sizeBytes);
      return { ok: true, value: { reserved: true } };
    });
  }

  return {
    open,
    list: (path) => pass('list', path, () => entriesOf(find(root, path))),
    // There are no symbolic links on this disk.
    readLink: async () => failure('EINVAL'),
    makeDirectory: (path) =>
      find(root, path)?.kind === 'directory'
        ? pass('size', path, () => done)
        : pass('make', path, () => {
            guard(path);
            return make(root, path);
          }),
    rename: (from, to) => {
      guard(from);
      guard(to);
      return pass('rename', to, () => rename(root, from, to));
    },
    remove: (path) => {
      guard(path);
      return find(root, path) === undefined
        ? pass('size', path, () => done)
        : pass('remove', path, () => remove(root, path));
    },
    syncDirectory: (path) => {
      const node = find(root, path);
      const covered = node?.kind === 'directory' ? node.changes : [];
      return pass('sync-names', path, () => {
        if (node?.kind !== 'directory') return failure('ENOENT');
        syncNames(node, covered);
        return done;
      });
    },
    freeBytes: (path) => pass('free', path, () => ({ ok: true, value: freeBytes() })),
    reserve,
  };
}

const partsOf = (path: string) => path.split('/').filter((part) => part !== '');

export function find(root: DirectoryNode, path: string): Node | undefined {
  let node: Node | undefined = root;
  for (const part of partsOf(path)) {
    node = node?.kind === 'directory' ? node.current.get(part) : undefined;
  }
  return node;
}

function parentOf(root: DirectoryNode, path: string): [DirectoryNode | undefined, string] {
  const parts = partsOf(path);
  const name = parts.pop() ?? '';
  const parent = find(root, parts.join('/'));
  return [parent?.kind === 'directory' ? parent : undefined, name];
}

function entriesOf(node: Node | undefined): DiskResult<readonly DiskEntry[]> {
  if (node?.kind !== 'directory') return failure('ENOENT');
  return {
    ok: true,
    value: [...node.current].map(([name, { kind }]) => ({ name, kind })),
  };
}

function make(root: DirectoryNode, path: string): DiskResult<void> {
  let at = root;
  for (const name of partsOf(path)) {
    const known = at.current.get(name);
    if (known?.kind === 'file') return failure('ENOTDIR');
    const node = known ?? newDirectory();
    if (known === undefined) nameIn(at, { kind: 'add', name, node });
    at = node;
  }
  return done;
}

function rename(root: DirectoryNode, from: string, to: string): DiskResult<void> {
  const [parent, name] = parentOf(root, from);
  const [target, newName] = parentOf(root, to);
  if (parent === undefined || parent !== target || !parent.current.has(name)) {
    return failure('ENOENT');
  }
  nameIn(parent, { kind: 'rename', from: name, to: newName });
  return done;
}

function remove(root: DirectoryNode, path: string): DiskResult<void> {
  const [parent, name] = parentOf(root, path);
  const node = parent?.current.get(name);
  if (parent === undefined || node === undefined) return done;
  if (node.kind === 'directory') {
    for (const inner of node.current.keys()) nameIn(node, { kind: 'remove', name: inner });
  }
  nameIn(parent, { kind: 'remove', name });
  return done;
}
