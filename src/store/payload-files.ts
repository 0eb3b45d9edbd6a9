// Payload on flash: packages/<number>/data, one preallocated file, chunk i at (i - 1) * 64 KiB.
// Folders bear our own numbers; no string of a peer becomes a path.
import { chunkBytes } from '../limits.ts';
import { isLink, isTransferFolder } from './ownership.ts';
import { assertSynced, mustSync } from './sync.ts';
import type { Disk, DiskFile, DiskResult } from '../host/ports.ts';

/** One chunk, for the file of a transfer. */
export type Write = {
  readonly number: number;
  readonly chunkIndex: number;
  readonly data: Uint8Array;
};

/** What the disk shows of a transfer that the journal knows; undefined: no file. */
export type PayloadScan = { readonly number: number; readonly dataBytes: number | undefined };

export type FolderScan = {
  readonly payloads: readonly PayloadScan[];
  /** Folders that no transfer has any more, and that the disk refused to remove. */
  readonly notRemoved: readonly { readonly number: number; readonly reason: string }[];
  /** What the agent did not make; it stays. */
  readonly foreign: readonly string[];
};

/** A transfer of the journal, and how much of it has still to come. */
export type ExpectedPayload = { readonly number: number; readonly missingBytes: number };

export type PayloadFiles = {
  /** Makes the folder and the file, with space for all of it. ENOSPC: nothing is left behind. */
  reserve(number: number, sizeBytes: number): Promise<DiskResult<void>>;
  write(write: Write): Promise<DiskResult<void>>;
  /** Syncs every file written to since the last time; a failure ends the process. */
  sync(): Promise<void>;
  /** Gives the file the size of the package, for those who install it. */
  seal(number: number, sizeBytes: number): Promise<DiskResult<void>>;
  read(number: number, chunkIndex: number, sizeBytes: number): Promise<DiskResult<Uint8Array>>;
  discard(number: number): Promise<DiskResult<void>>;
  /**
   * What is there. What the agent made and the journal does not know is removed, or named as left.
   * A number from `nextNumber` on can only have been reserved.
   */
  scanFolders(
    known: readonly ExpectedPayload[],
    nextNumber?: number,
  ): Promise<DiskResult<FolderScan>>;
  path(number: number): string;
  folder(number: number): string;
  close(): Promise<void>;
};

export function createPayloadFiles(
  disk: Disk,
  directory: string,
  reserveBytes: number,
): PayloadFiles {
  const root = `${directory}/packages`;
  const files = new Map<number, DiskFile>();
  const unsynced = new Set<DiskFile>();
  /** Promised to open transfers, and not written yet. */
  const missing = new Map<number, number>();
  /** Folders that the agent made: only these are ever removed. */
  const ownNumbers = new Set<number>();
  const folder = (number: number) => `${root}/${number}`;
  const path = (number: number) => `${folder(number)}/data`;

  async function fileOf(number: number): Promise<DiskResult<DiskFile>> {
    const known = files.get(number);
    if (known !== undefined) return { ok: true, value: known };
    // opkg is given the payload under this name (`install/opkg`).
    const links = { secondName: `${folder(number)}/package.ipk` };
    const opened = await disk.open(path(number), 'write', links);
    if (opened.ok) files.set(number, opened.value);
    return opened;
  }

  async function reserve(number: number, sizeBytes: number): Promise<DiskResult<void>> {
    const made = await make(number, sizeBytes);
    if (!made.ok) await discard(number);
    return made;
  }

  async function make(number: number, sizeBytes: number): Promise<DiskResult<void>> {
    if (!ownNumbers.has(number) && !(await isReserved(number))) {
      const reason = `${folder(number)} holds files that the agent did not make`;
      return { ok: false, code: 'EEXIST', reason };
    }
    ownNumbers.add(number);
    const removed = await discard(number);
    if (!removed.ok) return removed;
    missing.set(number, sizeBytes);
    const free = await disk.freeBytes(directory);
    if (!free.ok) return free;
    const neededBytes = sizeBytes + reserveBytes;
    if (free.value < neededBytes) return noSpace(neededBytes, free.value);
    const promisedBytes = neededBytes + owedBefore(number);
    const made = await disk.makeDirectory(folder(number));
    if (!made.ok) return made;
    const opened = await disk.open(path(number), 'create', 'refused');
    if (!opened.ok) return opened;
    files.set(number, opened.value);
    const taken = await disk.reserve(path(number), sizeBytes, false);
    if (!taken.ok) return taken;
    // No blocks for this one, so none for those before it either.
    const isTooMuch = !taken.value.reserved && free.value < promisedBytes;
    if (isTooMuch) return noSpace(promisedBytes, free.value);
    for (const parent of [folder(number), root, directory]) {
      const named = await disk.syncDirectory(parent);
      if (!named.ok) return named;
    }
    return { ok: true, value: undefined };
  }

  /** Of two that come at once the first has the space. */
  function owedBefore(number: number): number {
    return [...missing].reduce((sum, [other, bytes]) => (other < number ? sum + bytes : sum), 0);
  }

  async function write({ number, chunkIndex, data }: Write): Promise<DiskResult<void>> {
    const file = await fileOf(number);
    if (!file.ok) return file;
    unsynced.add(file.value);
    const written = await file.value.write(data, (chunkIndex - 1) * chunkBytes);
    const missingBytes = missing.get(number);
    if (written.ok && missingBytes !== undefined) {
      missing.set(number, Math.max(0, missingBytes - data.length));
    }
    return written;
  }

  async function sync(): Promise<void> {
    const dirty = [...unsynced];
    unsynced.clear();
    await Promise.all(dirty.map(mustSync));
  }

  async function read(number: number, chunkIndex: number, sizeBytes: number) {
    const file = await fileOf(number);
    return file.ok ? file.value.read((chunkIndex - 1) * chunkBytes, sizeBytes) : file;
  }

  async function seal(number: number, sizeBytes: number): Promise<DiskResult<void>> {
    missing.delete(number);
    const file = await fileOf(number);
    if (!file.ok) return file;
    const size = await file.value.size();
    if (!size.ok) return size;
    if (size.value !== sizeBytes) {
      const cut = await file.value.truncate(sizeBytes);
      if (!cut.ok) return cut;
    }
    // Also one that a killed process left right: what only the kernel knows is no size.
    const synced = await file.value.sync();
    // An abort may have taken the file away meanwhile: that is no broken promise.
    if (!synced.ok && files.get(number) !== file.value) return synced;
    assertSynced(file.value.path, synced);
    return synced;
  }

  async function discard(number: number): Promise<DiskResult<void>> {
    const file = files.get(number);
    files.delete(number);
    missing.delete(number);
    if (file !== undefined) unsynced.delete(file);
    await file?.close();
    return ownNumbers.has(number) ? disk.remove(folder(number)) : { ok: true, value: undefined };
  }

  /** Nothing but a data file is in it, or nothing at all. */
  async function isReserved(number: number): Promise<boolean> {
    const listed = await disk.list(folder(number));
    if (!listed.ok) return listed.code === 'ENOENT';
    return listed.value.every(({ name, kind }) => name === 'data' && kind === 'file');
  }

  async function scanFolders(
    known: readonly ExpectedPayload[],
    nextNumber = 1,
  ): Promise<DiskResult<FolderScan>> {
    const made = await disk.makeDirectory(root);
    if (!made.ok) return made;
    const entries = await disk.list(root);
    if (!entries.ok) return entries;
    const notRemoved: { readonly number: number; readonly reason: string }[] = [];
    const foreign: string[] = [];
    for (const { number } of known) ownNumbers.add(number);
    for (const entry of entries.value) {
      const number = Number(entry.name);
      if (isLink(entry) && known.some((one) => one.number === number)) {
        return foreignFile(`${folder(number)} is not a directory`);
      }
      const isOurs = isTransferFolder(entry) && (number < nextNumber || (await isReserved(number)));
      if (!isOurs) foreign.push(entry.name);
      if (!isOurs || known.some((one) => one.number === number)) continue;
      ownNumbers.add(number);
      const removed = await disk.remove(folder(number));
      if (!removed.ok) notRemoved.push({ number, reason: removed.reason });
    }
    const found: PayloadScan[] = [];
    for (const { number, missingBytes } of known) {
      missing.set(number, missingBytes);
      const file = await fileOf(number);
      const size = file.ok ? await file.value.size() : file;
      if (!size.ok && isOfProcess(size.code)) return size;
      if (!size.ok && isPlanted(size.code)) return foreignFile(size.reason);
      found.push({ number, dataBytes: size.ok ? size.value : undefined });
    }
    return { ok: true, value: { payloads: found, notRemoved, foreign } };
  }

  async function close(): Promise<void> {
    for (const file of files.values()) await file.close();
  }

  return { reserve, write, sync, seal, read, discard, scanFolders, path, folder, close };
}

/** A shortage of the process tells nothing of the file: it must not be given up for that. */
function isOfProcess(code: string): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EPERM'].includes(code);
}

/** What is at the name of a file of the agent was put there by somebody else. */
export function isPlanted(code: string): boolean {
  return ['ELOOP', 'EMLINK', 'ENOTSUP'].includes(code);
}

function foreignFile(found: string): DiskResult<never> {
  const reason = `${found}: it was not read or changed; remove it, and look who can write there`;
  return { ok: false, code: 'ENOTEMPTY', reason };
}

function noSpace(neededBytes: number, freeBytes: number): DiskResult<never> {
  const mib = (bytes: number) => `${Math.ceil(bytes / 1_048_576)} MiB`;
  const reason = `need ${mib(neededBytes)}, have ${mib(freeBytes)}`;
  return { ok: false, code: 'ENOSPC', reason };
}
