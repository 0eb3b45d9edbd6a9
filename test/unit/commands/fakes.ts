// Fakes for the tests of commands: a terminal that keeps its output, a disk of texts, and a daemon
// in the same process, connected by sockets.
import { runCommand } from '../../../src/commands/cli.ts';
import { startControl } from '../../../src/control/server.ts';
import { createFakeClock, createFakeSockets, statusOf } from '../../support/control.ts';
import type { CommandPorts } from '../../../src/commands/ports.ts';
import type { ControlHandlers } from '../../../src/control/server.ts';
import type { Status } from '../../../src/core/status.ts';
import type { Disk, DiskFailure, DiskFile } from '../../../src/host/ports.ts';

const failure = (code: string, path: string): DiskFailure => {
  return { ok: false, code, reason: `${code}: ${path}` };
};

/** Files by path, read only; opening a file with the text `!CODE` fails with that code. */
export function createFakeDisk(files: { readonly [path: string]: string | Uint8Array }): Disk {
  const never = async () => failure('EROFS', 'fake');
  return {
    open: async (path) => {
      const content = files[path];
      if (content === undefined) return failure('ENOENT', path);
      if (typeof content === 'string' && content.startsWith('!')) {
        return failure(content.slice(1), path);
      }
      return { ok: true, value: fileOf(path, Buffer.from(content)) };
    },
    list: never,
    readLink: never,
    makeDirectory: never,
    rename: never,
    remove: never,
    syncDirectory: never,
    freeBytes: never,
    reserve: never,
  };
}

function fileOf(path: string, data: Uint8Array): DiskFile {
  const never = async () => failure('EBADF', path);
  return {
    path,
    write: never,
    truncate: never,
    sync: never,
    read: async (offset, size) => ({ ok: true, value: data.subarray(offset, offset + size) }),
    size: async () => ({ ok: true, value: data.length }),
    mode: async () => ({ ok: true, value: path.includes('open') ? 0o644 : 0o600 }),
    close: async () => undefined,
  };
}

export type World = ReturnType<typeof createWorld>;

export function createWorld(
  parts: Partial<CommandPorts> & {
    readonly files?: { readonly [path: string]: string | Uint8Array };
    readonly isTty?: boolean;
    readonly columns?: number;
    readonly rows?: number;
  } = {},
) {
  const clock = createFakeClock();
  const sockets = createFakeSockets();
  const shown = { out: '', err: '' };
  const control: { interrupt: () => void; taken: () => void; isBehind: boolean } = {
    interrupt: () => undefined,
    taken: () => undefined,
    isBehind: false,
  };
  const ports: CommandPorts = {
    terminal: {
      out: (text) => (shown.out += text),
      err: (text) => {
        shown.err += text;
        return true;
      },
      onErrDrained: () => undefined,
      isBehind: () => control.isBehind,
      onOutDrained: (act) => void (control.taken = act),
      isInterrupted: () => false,
      flush: async () => undefined,
      isTty: parts.isTty ?? false,
      columns: () => parts.columns ?? 80,
      rows: () => parts.rows ?? 24,
      onInterrupt(act) {
        control.interrupt = act;
        return () => (control.interrupt = () => undefined);
      },
    },
    environment: {},
    disk: createFakeDisk(parts.files ?? {}),
    clock,
    sockets,
    mountOptions: () => [],
    storageLoss: () => undefined,
    realPath: (path) => path,
    ownHosts: () => [],
    checkFileSystem: async () => ({ ok: true, value: undefined }),
    version: '0.1.0',
    startDaemon: async () => 0,
    readFlash: async () => ({ ok: true, value: undefined }),
    lockHolder: async () => undefined,
    socketExposure: () => ({ file: undefined, folder: undefined, early: undefined }),
    ...parts,
  };
  return {
    clock,
    sockets,
    shown,
    interrupt: () => control.interrupt(),
    run: (...argv: readonly string[]) => runCommand(argv, ports),
  };
}

export const usualSocket = '/run/sota-agent/control.sock';

/** Starts a daemon at the default path; the test changes its status. */
export async function startFakeDaemon(
  { clock, sockets }: Pick<World, 'clock' | 'sockets'>,
  first: Status = statusOf(),
  change: Partial<ControlHandlers> = {},
  path = usualSocket,
) {
  let status = first;
  const listeners = new Set<() => void>();
  const handlers: ControlHandlers = {
    status: () => status,
    accept: async (name, version) => ({ ok: true, text: `accepted ${name} ${version ?? '-'}` }),
    decline: async (name, version) => ({ ok: true, text: `declined ${name} ${version ?? '-'}` }),
    inventory: async () => ({ ok: true, packages: [] }),
    renewPath: async () => ({ ok: true, text: 'renewed' }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ...change,
  };
  const started = await startControl({ clock, sockets, log: () => undefined }, path, handlers);
  if (!started.ok) throw new Error(started.reason);
  return {
    become(next: Status) {
      status = next;
      for (const listener of listeners) listener();
    },
    stop: () => started.value.close(),
  };
}
