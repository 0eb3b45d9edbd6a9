// The path at which the node delivers: a random path, stored in `storage.dir`, or a fixed path of
// the configuration. The random path is a secret that authenticates the node, so it must not be
// logged.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { exposure } from '../../../sanitize.ts';
import type { Disk, DiskFailure, DiskFile, DiskResult, Log } from '../../../host/ports.ts';

export type DeliveryPaths = {
  /** Returns the path of this process. Called once, after the store has been opened. */
  open(): Promise<string>;
  /** Returns a new path if it is durable; a fixed one cannot be renewed. */
  renew(): Promise<DiskResult<string>>;
};

export function fixedPath(path: string): DeliveryPaths {
  const reason = 'a fixed path is changed in the configuration';
  return {
    open: async () => path,
    renew: async () => ({ ok: false, code: 'fixed-path', reason }),
  };
}

const fileName = 'delivery-path';
const secretBytes = 32;
const content = /^[0-9a-f]{64}\n$/;
/** One byte more than the length of the file, so that a longer file is detected. */
const readBytesMax = 2 * secretBytes + 2;

export function keptPath(
  { disk, log }: { readonly disk: Disk; readonly log: Log },
  directory: string,
): DeliveryPaths {
  const path = `${directory}/${fileName}`;

  async function open(): Promise<string> {
    const read = await readSecret(disk, path);
    if (read.ok) return `/${read.value}`;
    if (read.code !== 'ENOENT') log('warn', 'path-lost', { reason: `${path}: ${read.reason}` });
    const secret = randomBytes(secretBytes).toString('hex');
    const written = await writeSecret(disk, directory, secret);
    // The agent must also start on a full disk: each registration contains the path.
    if (!written.ok) log('warn', 'path-not-stored', { reason: `${path}: ${written.reason}` });
    return `/${secret}`;
  }

  async function renew(): Promise<DiskResult<string>> {
    const secret = randomBytes(secretBytes).toString('hex');
    const written = await writeSecret(disk, directory, secret);
    return written.ok ? { ok: true, value: `/${secret}` } : written;
  }

  return { open, renew };
}

const damaged = (reason: string): DiskFailure => ({ ok: false, code: 'damaged', reason });

async function readSecret(disk: Disk, path: string): Promise<DiskResult<string>> {
  const opened = await disk.open(path, 'read', 'refused');
  if (!opened.ok) return opened;
  const file = opened.value;
  const [mode, read] = [await file.mode(), await file.read(0, readBytesMax)];
  await file.close();
  if (!mode.ok) return mode;
  if (!read.ok) return read;
  const text = Buffer.from(read.value).toString('latin1');
  if (!content.test(text)) return damaged('this is not a delivery path');
  const exposed = exposure(mode.value);
  return exposed === undefined ? { ok: true, value: text.trimEnd() } : damaged(exposed);
}

/** Replaces the file atomically: a power loss leaves the earlier file or the new one. */
async function writeSecret(
  disk: Disk,
  directory: string,
  secret: string,
): Promise<DiskResult<void>> {
  const path = `${directory}/${fileName}`;
  const next = `${path}.new`;
  // A file that remained after an interruption may have other permissions.
  const removed = await disk.remove(next);
  if (!removed.ok) return removed;
  const opened = await disk.open(next, 'create', 'refused');
  if (!opened.ok) return opened;
  const written = await fill(opened.value, `${secret}\n`);
  await opened.value.close();
  if (!written.ok) return written;
  const renamed = await disk.rename(next, path);
  return renamed.ok ? disk.syncDirectory(directory) : renamed;
}

async function fill(file: DiskFile, text: string): Promise<DiskResult<void>> {
  const written = await file.write(Buffer.from(text), 0);
  return written.ok ? file.sync() : written;
}

/** The duration reveals no part of the secret: each comparison covers the whole own path. */
export function isSamePath(target: string, own: string): boolean {
  const expected = Buffer.from(own);
  const given = Buffer.alloc(expected.length);
  given.write(target);
  return timingSafeEqual(given, expected) && target.length === own.length;
}
