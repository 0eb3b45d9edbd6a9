// A disk in memory that counts operations, fails, and loses power. After a power loss, data and
// names without a sync are lost or kept, as the test chooses; the simulator covers partial states.
import { within } from './read-into.ts';
import type { Disk, DiskEntry, DiskFailure, DiskFile, DiskResult } from '../../src/host/ports.ts';

type FileNode = { readonly kind: 'file'; data: Buffer; synced: Buffer };
type DirectoryNode = {
  readonly kind: 'directory';
  names: Map<string, Node>;
  synced: Map<string, Node>;
};
type Node = FileNode | DirectoryNode;

export type Verb =
  | 'open'
  | 'close'
  | 'read'
  | 'write'
  | 'truncate'
  | 'size'
  | 'sync'
  | 'list'
  | 'make-directory'
  | 'rename'
  | 'remove'
  | 'sync-directory'
  | 'free'
  | 'reserve';
export type Op = { readonly verb: Verb; readonly path: string; readonly bytes: number };

export type MemoryDisk = Disk & {
  readonly ops: Op[];
  count(verb: Verb, path?: string): number;
  /**
   * If the rule returns an errno name, the operation fails with it; a write stores its first half.
   */
  refuse(rule: ((op: Op) => string | undefined) | undefined): void;
  /** Syncs of these paths do nothing, but report success. */
  lie(isLie: (path: string) => boolean): void;
  /** Runs before each operation, to inspect the state or to delay it. */
  before(act: ((op: Op) => void | Promise<void>) | undefined): void;
  /** Returns the flash after a power loss at this moment. */
  cut(unsynced: 'lost' | 'kept'): MemoryDisk;
  /** Returns the content of a file; undefined if there is none. */
  content(path: string): Buffer | undefined;
  put(path: string, data: Uint8Array | string): void;
  setFree(bytes: number): void;
  /** The number of open files. */
  openCount(): number;
};

export const changing: readonly Verb[] = [
  'write',
  'truncate',
  'sync',
  'make-directory',
  'rename',
  'remove',
  'sync-directory',
  'reserve',
];

const newDirectory = (): DirectoryNode => {
  return { kind: 'directory', names: new Map(), synced: new Map() };
};

/** Data of files for which `isKept` is false is only counted. */
export function createMemoryDisk(
  root: DirectoryNode = newDirectory(),
  isKept: (path: string) => boolean = () => true,
): MemoryDisk {
  const ops: Op[] = [];
  let rule: ((op: Op) => string | undefined) | undefined;
  let act: ((op: Op) => void | Promise<void>) | undefined;
  let isLie: (path: string) => boolean = () => false;
  let freeBytes = 2 ** 40;
  let openCount = 0;
  /** An open file that is renamed goes by its new name. */
  const renamed = new WeakMap<Node, string>();

  async function pass<T>(
    op: Op,
    perform: () => T | DiskFailure,
    fail: () => void = () => undefined,
  ): Promise<DiskResult<T>> {
    ops.push(op);
    const code = rule?.(op);
    await act?.(op);
    if (code !== undefined) {
      fail();
      return failure(code, op.path);
    }
    const value = perform();
    return isFailure(value) ? value : { ok: true, value };
  }

  function fileOf(path: string, node: FileNode): DiskFile {
    openCount += 1;
    let isOpen = true;
    const nameNow = () => renamed.get(node) ?? path;
    const on = <T>(verb: Verb, bytes: number, perform: () => T, fail?: () => void) =>
      pass(
        { verb, path: nameNow(), bytes },
        () => (isOpen ? perform() : failure('EBADF', path)),
        fail,
      );
    const put = (data: Uint8Array, offset: number) => {
      if (!isKept(path)) return;
      const bytes = Math.max(node.data.length, offset + data.length);
      // Synced data is never changed in place.
      if (node.data === node.synced || bytes > node.data.length)
        node.data = sized(node.data, bytes);
      node.data.set(data, offset);
    };
    return {
      path,
      write: (data, offset) => {
        const half = () => put(data.subarray(0, data.length / 2), offset);
        return on('write', data.length, () => put(data, offset), half);
      },
      read: (offset, size, into) =>
        on('read', size, () => within(node.data.subarray(offset, offset + size), into)),
      truncate: (size) => on('truncate', size, () => void (node.data = sized(node.data, size))),
      size: () => on('size', 0, () => node.data.length),
      mode: async () => ({ ok: true, value: 0o600 }),
      sync: () =>
        on('sync', 0, () => {
          if (!isLie(nameNow())) node.synced = node.data;
        }),
      async close() {
        ops.push({ verb: 'close', path, bytes: 0 });
        if (isOpen) openCount -= 1;
        isOpen = false;
      },
    };
  }

  const inDirectory = <T>(verb: Verb, path: string, perform: (node: DirectoryNode) => T) =>
    pass({ verb, path, bytes: 0 }, () => {
      const node = find(root, path);
      return node?.kind === 'directory' ? perform(node) : failure('ENOENT', path);
    });

  const disk: Disk = {
    open: (path, mode) =>
      pass({ verb: 'open', path, bytes: 0 }, () => {
        const above = find(root, parentOf(path));
        if (above?.kind !== 'directory') return failure('ENOENT', path);
        const known = above.names.get(nameOf(path));
        if (known?.kind === 'directory') return failure('EISDIR', path);
        if (known === undefined && mode !== 'create') return failure('ENOENT', path);
        const node = known ?? { kind: 'file', data: Buffer.alloc(0), synced: Buffer.alloc(0) };
        above.names.set(nameOf(path), node);
        return fileOf(path, node);
      }),
    list: (path) =>
      inDirectory('list', path, ({ names }) =>
        [...names].map(([name, { kind }]): DiskEntry => ({ name, kind })),
      ),
    // There are no symbolic links on this disk.
    readLink: async (path) => failure('EINVAL', path),
    makeDirectory: (path) =>
      pass({ verb: 'make-directory', path, bytes: 0 }, () => {
        makeAll(root, path);
      }),
    rename: (from, to) =>
      pass({ verb: 'rename', path: from, bytes: 0 }, () => {
        const node = find(root, from);
        if (node === undefined) return failure('ENOENT', from);
        namesAbove(root, from)?.delete(nameOf(from));
        namesAbove(root, to)?.set(nameOf(to), node);
        renamed.set(node, to);
        return undefined;
      }),
    remove: (path) =>
      pass({ verb: 'remove', path, bytes: 0 }, () => {
        namesAbove(root, path)?.delete(nameOf(path));
      }),
    syncDirectory: (path) =>
      inDirectory('sync-directory', path, (node) => {
        if (!isLie(path)) node.synced = new Map(node.names);
      }),
    freeBytes: (path) => inDirectory('free', path, () => freeBytes),
    reserve: (path, bytes, keepSize) =>
      pass({ verb: 'reserve', path, bytes }, () => {
        const node = find(root, path);
        if (node?.kind !== 'file') return failure('ENOENT', path);
        if (!keepSize && isKept(path)) node.data = sized(node.data, bytes);
        return { reserved: true };
      }),
  };

  return {
    ...disk,
    ops,
    count: (verb, path) =>
      ops.filter((op) => op.verb === verb && (path === undefined || op.path === path)).length,
    refuse: (given) => void (rule = given),
    lie: (given) => void (isLie = given),
    before: (given) => void (act = given),
    cut: (unsynced) => createMemoryDisk(after(root, unsynced === 'kept'), isKept),
    content(path) {
      const node = find(root, path);
      if (node?.kind !== 'file') return undefined;
      if (node.data === node.synced) node.data = Buffer.from(node.data);
      return node.data;
    },
    put(path, text) {
      const data = Buffer.from(text);
      makeAll(root, parentOf(path));
      namesAbove(root, path)?.set(nameOf(path), { kind: 'file', data, synced: data });
      for (let at = parentOf(path); at !== ''; at = parentOf(at)) {
        const node = find(root, at);
        if (node?.kind === 'directory') node.synced = new Map(node.names);
      }
    },
    setFree: (bytes) => void (freeBytes = bytes),
    openCount: () => openCount,
  };
}

function failure(code: string, path: string): DiskFailure {
  return { ok: false, code, reason: `${code}: ${path}` };
}

function isFailure(value: unknown): value is DiskFailure {
  return typeof value === 'object' && value !== null && 'ok' in value && value.ok === false;
}

function sized(data: Buffer, bytes: number): Buffer {
  const next = Buffer.alloc(bytes);
  data.copy(next);
  return next;
}

const parts = (path: string) => path.split('/').filter((part) => part !== '');
const nameOf = (path: string) => parts(path).at(-1) ?? '';
const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));

function find(root: DirectoryNode, path: string): Node | undefined {
  let node: Node | undefined = root;
  for (const name of parts(path)) {
    node = node?.kind === 'directory' ? node.names.get(name) : undefined;
  }
  return node;
}

function namesAbove(root: DirectoryNode, path: string): Map<string, Node> | undefined {
  const above = find(root, parentOf(path));
  return above?.kind === 'directory' ? above.names : undefined;
}

function makeAll(root: DirectoryNode, path: string): void {
  let node = root;
  for (const name of parts(path)) {
    const known = node.names.get(name);
    const next = known?.kind === 'directory' ? known : newDirectory();
    node.names.set(name, next);
    node = next;
  }
}

function after(node: DirectoryNode, isAllKept: boolean): DirectoryNode {
  const names = new Map<string, Node>();
  for (const [name, one] of isAllKept ? node.names : node.synced) {
    if (one.kind === 'directory') names.set(name, after(one, isAllKept));
    else {
      const data = isAllKept ? Buffer.from(one.data) : one.synced;
      names.set(name, { kind: 'file', data, synced: data });
    }
  }
  return { kind: 'directory', names, synced: new Map(names) };
}
