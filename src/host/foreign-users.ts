// Which other users could put something of theirs where the agent has its own.
import { lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import type { Stats } from 'node:fs';

/** A sentence each, without an end; undefined: nothing is wrong, or nothing is there. */
export type SocketExposure = {
  /** Somebody else made the socket that is there. */
  readonly file: string | undefined;
  /** Somebody else can replace the socket at any time. */
  readonly folder: string | undefined;
  /** Somebody else can make the socket while there is none. */
  readonly early: string | undefined;
};

/** The owner of `storage` is the user that the agent runs as. */
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

/** The owner of a directory, where that is neither root nor the user of this process. */
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
