// Finds other users who can replace the control socket or own the storage directory.
import { lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import type { Stats } from 'node:fs';

/** A phrase for each problem; undefined: no problem, or the file does not exist. */
export type SocketExposure = {
  /** Another user owns the socket. */
  readonly file: string | undefined;
  /** Another user can replace the socket at any time. */
  readonly folder: string | undefined;
  /** Another user can create the socket while it does not exist. */
  readonly early: string | undefined;
};

/** Trusted owners: root, the user of this process, and the owner of `storage` (the agent). */
export function socketExposure(socket: string, storage: string): SocketExposure {
  const trusted = [0, process.geteuid?.(), lookAt(storage)?.uid];
  const isOfOthers = (found: Stats | undefined) => {
    return found !== undefined && !trusted.includes(found.uid);
  };
  const file = [lookAt(socket, lstatSync), lookAt(socket)].find(isOfOthers);
  const folder = dirname(socket);
  const found = lookAt(folder);
  const owner = isOfOthers(found) ? `${folder} belongs to user ${found?.uid}` : undefined;
  const open = found === undefined ? undefined : writersOf(folder, found);
  return {
    file: file === undefined ? undefined : `${socket} belongs to user ${file.uid}`,
    folder: owner ?? replaceableBelow(folder),
    early: open,
  };
}

/** Returns the owner of a directory if it is neither root nor the user of this process. */
export function foreignOwner(directory: string): number | undefined {
  const uid = lookAt(directory)?.uid;
  return uid === 0 || uid === process.geteuid?.() ? undefined : uid;
}

/** With the sticky bit only the owner of a file can replace it. */
function replaceableBelow(folder: string): string | undefined {
  const found = lookAt(folder);
  const isSticky = found !== undefined && (found.mode & 0o1000) !== 0;
  const writers = found === undefined || isSticky ? undefined : writersOf(folder, found);
  const above = dirname(folder);
  return writers ?? (above === folder ? undefined : replaceableBelow(above));
}

function writersOf(folder: string, { mode, gid }: Stats): string | undefined {
  if ((mode & 0o002) !== 0) return `${folder} is writable for every user`;
  const isOwnGroup = gid === 0 || gid === process.getegid?.();
  return (mode & 0o020) === 0 || isOwnGroup ? undefined : `${folder} is writable for group ${gid}`;
}

function lookAt(path: string, look: (path: string) => Stats = statSync): Stats | undefined {
  try {
    return look(path);
  } catch {
    return undefined;
  }
}
