// The disk, implemented with node:fs. Failures are values; fsync is never retried. All durable
// steps of the agent use this module.
import { execFile } from 'node:child_process';
import { constants, promises as fs } from 'node:fs';
import process from 'node:process';
import { makeFolders } from './make-directories.ts';
import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { Disk, DiskEntry, DiskFailure, DiskFile, DiskResult } from './ports.ts';
import type { Links, OpenMode } from './ports.ts';

export function createDisk(): Disk {
  return {
    open,
    list: (path) =>
      attempt(async () => (await fs.readdir(path, { withFileTypes: true })).map(entry)),
    readLink: (path) => attempt(() => fs.readlink(path)),
    makeDirectory: (path) => attempt(() => makeFolders(path)),
    rename: (from, to) => attempt(() => fs.rename(from, to)),
    remove: (path) => attempt(() => fs.rm(path, { recursive: true, force: true })),
    syncDirectory: (path) => attempt(() => syncDirectory(path)),
    freeBytes: (path) => attempt(() => freeBytes(path)),
    reserve,
  };
}

async function attempt<T>(act: () => Promise<T>): Promise<DiskResult<T>> {
  try {
    return { ok: true, value: await act() };
  } catch (error) {
    return failureOf(error);
  }
}

function failureOf(error: unknown): DiskFailure {
  const reason = error instanceof Error ? error.message : String(error);
  const isCoded = error instanceof Error && 'code' in error && typeof error.code === 'string';
  return { ok: false, code: isCoded ? String(error.code) : 'EUNKNOWN', reason };
}

function entry(found: {
  readonly name: string;
  isFile(): boolean;
  isDirectory(): boolean;
}): DiskEntry {
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
  return { name: found.name, kind };
}

/** Without these flags, open would block on a pipe, and could set a controlling terminal. */
const openFlags = constants.O_NONBLOCK | constants.O_NOCTTY;
const flagsOf = {
  read: constants.O_RDONLY | openFlags,
  write: constants.O_RDWR | openFlags,
  create: constants.O_RDWR | constants.O_CREAT | openFlags,
} as const;

async function open(path: string, mode: OpenMode, links?: Links): Promise<DiskResult<DiskFile>> {
  const flags = flagsOf[mode] | (links === undefined ? 0 : constants.O_NOFOLLOW);
  const opened = await attempt(() => fs.open(path, flags, fileMode));
  if (!opened.ok) return withHint(opened, path, links);
  const handle = opened.value;
  const looked = await attempt(() => handle.stat());
  const refused = looked.ok ? await refusalOf(looked.value, path, links) : looked;
  if (refused !== undefined) {
    await attempt(() => handle.close());
    return refused;
  }
  return attempt(async () => {
    if (mode === 'create') await grantOwnerAccess(handle);
    return fileOf(path, handle);
  });
}

/** The kernel returns ENXIO for a socket, and for a device without a driver. */
function withHint(failed: DiskFailure, path: string, links?: Links): DiskFailure {
  if (failed.code === 'ENXIO') return notRegular(path);
  if (failed.code !== 'ELOOP' || links === undefined) return failed;
  return { ...failed, reason: `${path} is a symbolic link, which the agent did not create` };
}

/** Number of /dev/null (major 1, minor 3), which users configure as an empty file. */
const nullDevice = 0x103;

async function refusalOf(
  stats: Stats,
  path: string,
  links?: Links,
): Promise<DiskFailure | undefined> {
  // A directory may be opened; a read of it fails with EISDIR.
  const isNull = stats.isCharacterDevice() && stats.rdev === nullDevice && links === undefined;
  if (!stats.isFile() && !stats.isDirectory() && !isNull) return notRegular(path);
  if (links === undefined || stats.isDirectory() || stats.nlink <= 1) return undefined;
  if (links !== 'refused' && (await isSecondName(stats, links.secondName))) return undefined;
  const reason = `${path} has another hard link, which the agent did not create`;
  return { ok: false, code: 'EMLINK', reason };
}

async function isSecondName({ dev, ino, nlink }: Stats, path: string): Promise<boolean> {
  const found = await attempt(() => fs.lstat(path));
  return found.ok && nlink === 2 && found.value.dev === dev && found.value.ino === ino;
}

function notRegular(path: string): DiskFailure {
  const reason = `${path} is not a regular file (a pipe, a socket, a terminal or another device)`;
  return { ok: false, code: 'ENOTSUP', reason };
}

/** A umask may deny even the owner access to a new file. */
async function grantOwnerAccess(handle: FileHandle): Promise<void> {
  const { mode, size } = await handle.stat();
  if (size === 0 && (mode & fileMode) !== fileMode) await handle.chmod(fileMode);
}

function fileOf(path: string, handle: FileHandle): DiskFile {
  return {
    path,
    write: (data, offsetBytes) => attempt(() => writeAll(handle, data, offsetBytes)),
    read: (offsetBytes, sizeBytes, into) =>
      attempt(() => readAll(handle, offsetBytes, sizeBytes, into)),
    truncate: (sizeBytes) => attempt(() => handle.truncate(sizeBytes)),
    size: () => attempt(async () => (await handle.stat()).size),
    mode: () => attempt(async () => (await handle.stat()).mode & 0o7777),
    sync: () => attempt(() => handle.datasync()),
    // Durable data was synced before, so an error of close is ignored.
    close: async () => void (await attempt(() => handle.close())),
  };
}

/** Repeats the write, because the kernel may write less than requested. */
async function writeAll(handle: FileHandle, data: Uint8Array, offsetBytes: number): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, offsetBytes + done);
    if (bytesWritten === 0) throw new Error('the kernel wrote 0 bytes');
    done += bytesWritten;
  }
}

/** Returns less than `sizeBytes` at the end of the file. */
async function readAll(
  handle: FileHandle,
  offsetBytes: number,
  sizeBytes: number,
  into: Uint8Array = Buffer.allocUnsafe(sizeBytes),
): Promise<Uint8Array> {
  const data = into.length < sizeBytes ? Buffer.allocUnsafe(sizeBytes) : into;
  let done = 0;
  while (done < sizeBytes) {
    const { bytesRead } = await handle.read(data, done, sizeBytes - done, offsetBytes + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return data.subarray(0, done);
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await fs.statfs(path);
  return bavail * bsize;
}

const fileMode = 0o600;
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Node has no fallocate. util-linux has the program; the one of BusyBox has no `-n`. */
async function reserve(
  path: string,
  sizeBytes: number,
  keepSize: boolean,
): Promise<DiskResult<{ readonly reserved: boolean }>> {
  if (sizeBytes === 0) return { ok: true, value: { reserved: true } };
  const args = [...(keepSize ? ['-n'] : []), '-l', String(sizeBytes), path];
  const failure = await run('fallocate', args);
  if (failure === undefined) return { ok: true, value: { reserved: true } };
  const isFull = /no space left|quota exceeded/i.test(failure);
  if (isFull) return { ok: false, code: 'ENOSPC', reason: failure };
  // The limit of the process (RLIMIT_FSIZE) or of the file system; it applies to writes, too.
  if (/file too large|SIGXFSZ/i.test(failure)) return { ok: false, code: 'EFBIG', reason: failure };
  return { ok: true, value: { reserved: false } };
}

/** Returns the error output of a failed program; undefined: it succeeded. */
function run(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    // The messages must be in English. PATH may be unset.
    const env = { PATH: process.env['PATH'] ?? usualPath, LC_ALL: 'C' };
    const options = { timeout: 60_000, env };
    try {
      execFile(program, args, options, (error, _, stderr) => {
        resolve(error === null ? undefined : `${stderr.trim()} ${error.signal ?? ''}`.trim());
      });
    } catch (error) {
      // There is no memory for another process.
      resolve(String(error));
    }
  });
}
