// The durable storage of the agent: the journal of facts and the payload files, committed in one
// order.
import { journalSlackBytesMax } from '../limits.ts';
import { createConfirm } from './confirm.ts';
import { createPayloadFiles } from './payload-files.ts';
import { openJournal } from './journal.ts';
import { checkOwnership, isTransferFolder } from './ownership.ts';
import type { Damage } from './damage.ts';
import type { Fold } from './fold.ts';
import type { PayloadFiles } from './payload-files.ts';
import type { Disk, DiskResult } from '../host/ports.ts';

export type Store<S = unknown, F = unknown> = {
  readonly data: PayloadFiles;
  /** The fold of the journal, as it was read. */
  readonly state: S;
  readonly losses: readonly string[];
  readonly damage: Damage | undefined;
  /** Appends the facts, and syncs data and journal at once. Durable when it resolves. */
  commit(facts: readonly F[]): Promise<DiskResult<void>>;
  /** Reserves the space of a transfer: its data, and its records in the journal. */
  reserve(number: number, sizeBytes: number, recordsBytes: number): Promise<DiskResult<void>>;
  /** Releases the space of a transfer. */
  discard(number: number): Promise<DiskResult<void>>;
  /** Returns true if a compaction would make the journal much shorter. */
  isSlack(): boolean;
  rewrite(facts: readonly F[]): Promise<DiskResult<void>>;
  /** Starts a program, so neither the start of the agent nor a commit may wait for it. */
  reserveBlocks(): Promise<DiskResult<void>>;
  close(): Promise<void>;
};

/** `reserveBytes`: the bytes that a transfer must leave free on the file system. */
export async function openStore<S, F>(
  disk: Disk,
  directory: string,
  reserveBytes: number,
  fold: Fold<S, F>,
): Promise<DiskResult<Store<S, F>>> {
  const owned = await checkOwnership(disk, directory);
  if (!owned.ok) return owned;
  const made = await makeRoot(disk, directory);
  if (!made.ok) return made;
  const data = createPayloadFiles(disk, directory, reserveBytes);
  const opened = await openJournal(disk, directory, fold, createConfirm(disk, data));
  if (!opened.ok) return opened;
  const { journal, state, isEmpty, damage } = opened.value;
  const losses = [...opened.value.losses];
  if (isEmpty) losses.push(...(await orphansIn(disk, directory)));

  /** Data and facts are synced at once; the next start checks whether both are on flash. */
  async function commit(more: readonly F[]): Promise<DiskResult<void>> {
    if (more.length > 0) return journal.append(more, data.sync);
    await data.sync();
    return { ok: true, value: undefined };
  }

  async function reserve(number: number, sizeBytes: number, recordsBytes: number) {
    const room = await journal.reserve(number, recordsBytes);
    if (!room.ok) return room;
    const made = await data.reserve(number, sizeBytes);
    if (!made.ok) journal.release(number);
    return made;
  }

  function discard(number: number): Promise<DiskResult<void>> {
    journal.release(number);
    return data.discard(number);
  }

  async function close(): Promise<void> {
    await data.close();
    await journal.close();
  }

  const store: Store<S, F> = {
    data,
    state,
    losses,
    damage,
    commit,
    reserve,
    discard,
    isSlack: () => journal.grownBytes() > journalSlackBytesMax,
    rewrite: (all) => journal.rewrite(all),
    reserveBlocks: () => journal.reserveBlocks(),
    close,
  };
  return { ok: true, value: store };
}

/** Returns the loss if the journal is missing but transfer folders exist. */
async function orphansIn(disk: Disk, directory: string): Promise<readonly string[]> {
  const found = await disk.list(`${directory}/packages`);
  const count = found.ok ? found.value.filter(isTransferFolder).length : 0;
  if (count === 0) return [];
  return [`journal: no record of ${count} folders in packages; the agent removes them`];
}

/** A new directory survives a power loss only if each directory above it is synced, too. */
async function makeRoot(disk: Disk, directory: string): Promise<DiskResult<void>> {
  const known = await disk.list(directory);
  const made = known.ok ? known : await disk.makeDirectory(directory);
  if (!made.ok) return made;
  for (let above = parentOf(directory); above !== ''; above = parentOf(above)) {
    const named = await disk.syncDirectory(above);
    // For an existing directory the sync may be forbidden; its creator was responsible for it.
    if (!named.ok && !known.ok) return named;
    if (known.ok) break;
  }
  return { ok: true, value: undefined };
}

/** Returns the parent directory; empty for the root and for the first part of a relative path. */
function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end === 0 && path !== '/' ? '/' : path.slice(0, Math.max(0, end));
}
