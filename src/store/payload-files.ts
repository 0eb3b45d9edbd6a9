// Payloads on flash: packages/<number>/data, one preallocated file; chunk i is at (i - 1) * 64 KiB.
// The agent assigns the numbers; no string of a peer becomes a path.
import { chunkBytes } from '../limits.ts';
import { isLink, isTransferFolder } from './ownership.ts';
import { assertSynced } from './sync.ts';
import type { Disk, DiskFile, DiskResult } from '../host/ports.ts';

/** One chunk, for the file of a transfer. */
export type Write = {
  readonly number: number;
  readonly chunkIndex: number;
  readonly data: Uint8Array;
};

/** The size of the data file of a transfer in the journal; undefined: no file. */
export type PayloadScan = { readonly number: number; readonly dataBytes: number | undefined };

export type FolderScan = {
  readonly payloads: readonly PayloadScan[];
  /** Folders without a transfer whose removal failed. */
  readonly notRemoved: readonly { readonly number: number; readonly reason: string }[];
  /** Names that the agent did not create; they stay. */
  readonly foreign: readonly string[];
};

/** A transfer in the journal, and how many of its bytes are missing. */
export type ExpectedPayload = { readonly number: number; readonly missingBytes: number };

export type PayloadFiles = {
  /** Creates the folder and the file, and reserves its space. ENOSPC: nothing remains on disk. */
  reserve(number: number, sizeBytes: number): Promise<DiskResult<void>>;
  write(write: Write): Promise<DiskResult<void>>;
  /** The directory of the folders. */
  readonly root: string;
  /** Syncs each file written since the last sync; a failure ends the process. */
  sync(): Promise<void>;
  /** Sets the file to the size of the payload, and syncs it for the installer. */
  seal(number: number, sizeBytes: number): Promise<DiskResult<void>>;
  /** Reads into `into`, which must have the size of a chunk; the result is a part of it. */
  read(
    number: number,
    chunkIndex: number,
    sizeBytes: number,
    into?: Uint8Array,
  ): Promise<DiskResult<Uint8Array>>;
  discard(number: number): Promise<DiskResult<void>>;
  /**
   * Scans the folders. Folders of the agent without a transfer are removed, or listed in
   * `notRemoved`. A folder numbered from `nextNumber` up can only contain a reservation.
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
  /** Bytes reserved for open transfers and not written yet. */
  const missing = new Map<number, number>();
  /** Folders that the agent created: it removes only these. */
  const ownNumbers = new Set<number>();
  const folder = (number: number) => `${root}/${number}`;
  const path = (number: number) => `${folder(number)}/data`;

  async function fileOf(number: number): Promise<DiskResult<DiskFile>> {
    const known = files.get(number);
    if (known !== undefined) return { ok: true, value: known };
    // opkg reads the payload under this name (`install/opkg`).
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
      const reason = `${folder(number)} contains files that the agent did not create`;
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
    // The blocks are insufficient for this transfer and the ones before it.
    const isTooMuch = !taken.value.reserved && free.value < promisedBytes;
    if (isTooMuch) return noSpace(promisedBytes, free.value);
    for (const parent of [folder(number), root, directory]) {
      const named = await disk.syncDirectory(parent);
      if (!named.ok) return named;
    }
    return { ok: true, value: undefined };
  }

  /** If two transfers start at once, the first one gets the space. */
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
    await Promise.all(dirty.map(syncOpen));
  }

  async function syncOpen(file: DiskFile): Promise<void> {
    const synced = await file.sync();
    // A discard may have closed the file meanwhile; that is no failed sync.
    const isOpen = [...files.values()].includes(file);
    if (synced.ok || isOpen) assertSynced(file.path, synced);
  }

  async function read(number: number, chunkIndex: number, sizeBytes: number, into?: Uint8Array) {
    const file = await fileOf(number);
    return file.ok ? file.value.read((chunkIndex - 1) * chunkBytes, sizeBytes, into) : file;
  }

  async function seal(number: number, sizeBytes: number): Promise<DiskResult<void>> {
    missing.delete(number);
    const file = await fileOf(number);
    if (!file.ok) return file;
    const size = await file.value.size();
    if (!size.ok) return size;
    if (size.value !== sizeBytes) {
      const truncated = await file.value.truncate(sizeBytes);
      if (!truncated.ok) return truncated;
    }
    // Also if the size is right: the size may exist only in kernel memory after a kill.
    const synced = await file.value.sync();
    // An abort may have closed the file meanwhile; that is no failed sync.
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

  /** Returns true if the folder is empty or contains only a data file. */
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

  return { root, reserve, write, sync, seal, read, discard, scanFolders, path, folder, close };
}

/** Returns true for an error of the process, which does not show that the file is damaged. */
export function isOfProcess(code: string): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EPERM'].includes(code);
}

/** Returns true if another user or program created the file at that path. */
export function isPlanted(code: string): boolean {
  return ['ELOOP', 'EMLINK', 'ENOTSUP'].includes(code);
}

export function foreignFile(found: string): DiskResult<never> {
  const reason = `${found}: the agent did not use it; remove it and check who can write there`;
  return { ok: false, code: 'ENOTEMPTY', reason };
}

function noSpace(neededBytes: number, freeBytes: number): DiskResult<never> {
  const mib = (bytes: number) => `${Math.ceil(bytes / 1_048_576)} MiB`;
  const reason = `need ${mib(neededBytes)}, have ${mib(freeBytes)}`;
  return { ok: false, code: 'ENOSPC', reason };
}
