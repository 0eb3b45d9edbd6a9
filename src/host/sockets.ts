// Local (Unix) sockets: the control socket of the agent, and the daemons of installers.
import { chmodSync, chownSync, constants, lstatSync, rmSync } from 'node:fs';
import { mkdtemp, open, rm, symlink } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { basename, dirname } from 'node:path';
import process from 'node:process';
import { makeFolders } from './make-directories.ts';
import { groupId } from './group-id.ts';
import type { FileHandle } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type {
  DiskFailure,
  DiskResult,
  LocalSockets,
  LocalStream,
  LocalStreamHandlers,
} from './ports.ts';

export function createLocalSockets(): LocalSockets {
  return { connect, shorten, listen };
}

function failureOf(error: Error): DiskFailure {
  const code = 'code' in error ? String(error.code) : 'EUNKNOWN';
  return { ok: false, code, reason: error.message };
}

/** Maximum length of the kernel's `sun_path`, without its zero. */
const pathBytesMax = 107;

async function connect(
  path: string,
  handlers: LocalStreamHandlers,
): Promise<DiskResult<LocalStream>> {
  if (Buffer.byteLength(path) <= pathBytesMax) return connectTo(path, handlers);
  // A path through the descriptor of the folder is short enough.
  let folder: FileHandle;
  try {
    folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    return failureOf(error instanceof Error ? error : new Error(String(error)));
  }
  try {
    return await connectTo(`/proc/self/fd/${folder.fd}/${basename(path)}`, handlers);
  } finally {
    await folder.close();
  }
}

function connectTo(path: string, handlers: LocalStreamHandlers): Promise<DiskResult<LocalStream>> {
  return new Promise((resolve) => {
    const socket = createConnection({ path, allowHalfOpen: true });
    socket.once('connect', () => {
      handle(socket, handlers);
      resolve({ ok: true, value: streamOf(socket) });
    });
    socket.once('error', (error) => resolve(failureOf(error)));
  });
}

/** The link is in a folder that only this user can change, independent of its parent. */
async function shorten(
  directory: string,
  nameBytes: number,
): Promise<DiskResult<{ readonly path: string; remove(): Promise<void> }>> {
  if (Buffer.byteLength(directory) + 1 + nameBytes <= pathBytesMax) {
    return { ok: true, value: { path: directory, remove: () => Promise.resolve() } };
  }
  let reason = '';
  for (const place of ['/run', '/tmp']) {
    try {
      const made = await mkdtemp(`${place}/sota-agent-`);
      const path = `${made}/w`;
      const remove = () => rm(made, { recursive: true, force: true }).catch(() => undefined);
      await symlink(directory, path);
      return { ok: true, value: { path, remove } };
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  return { ok: false, code: 'ENAMETOOLONG', reason };
}

function handle(socket: Socket, handlers: LocalStreamHandlers): void {
  let reason = 'closed by the peer';
  socket.on('data', (data) => handlers.onData(data));
  socket.on('error', (error) => (reason = error.message));
  socket.on('end', handlers.onEnd ?? (() => socket.end()));
  socket.on('close', () => handlers.onClosed(reason));
}

function streamOf(socket: Socket): LocalStream {
  return {
    write: (data) =>
      new Promise((resolve) => {
        if (!socket.writable) {
          return resolve({ ok: false, code: 'EPIPE', reason: 'the connection is closed' });
        }
        socket.write(data, (error) => {
          resolve(error ? failureOf(error) : { ok: true, value: undefined });
        });
      }),
    end: () => void socket.end(),
    close: () => void socket.destroy(),
  };
}

const keptOwner = -1;
/** Users of the socket need access to its folder. */
const socketFolderMode = 0o755;

/** A socket file remains after its process ended; a stale one is removed. */
async function listen(
  path: string,
  accept: (stream: LocalStream) => LocalStreamHandlers,
  group?: string,
): Promise<DiskResult<{ close(): Promise<void> }>> {
  const gid = group === undefined ? undefined : groupId(group);
  if (gid !== undefined && !gid.ok) return gid;
  if (await isAnswered(path)) {
    return { ok: false, code: 'EADDRINUSE', reason: `another process listens on ${path}` };
  }
  try {
    await makeFolders(dirname(path), socketFolderMode);
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false) {
      return { ok: false, code: 'EEXIST', reason: `${path} exists and is not a socket` };
    }
    rmSync(path, { force: true });
  } catch (error) {
    return failureOf(error instanceof Error ? error : new Error(String(error)));
  }
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    handle(socket, accept(streamOf(socket)));
  });
  return new Promise((resolve) => {
    // Later errors concern single connections (EMFILE); the server continues.
    server.on('error', (error) => resolve(failureOf(error)));
    // Created without access for other users, until its group is set. Node binds synchronously.
    const mask = process.umask(0o177);
    server.listen(path, () => {
      try {
        if (gid !== undefined) chownSync(path, keptOwner, gid.value);
        chmodSync(path, 0o660);
      } catch (error) {
        server.close();
        return resolve(failureOf(error instanceof Error ? error : new Error(String(error))));
      }
      const close = () => new Promise<void>((done) => server.close(() => done()));
      resolve({ ok: true, value: { close } });
    });
    process.umask(mask);
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
