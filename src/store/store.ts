// The agent's durable half: the journal of facts and the data of the packages, committed in one
// order.
import { journalSlackBytesMax } from '../limits.ts';
import { createPayloadFiles } from './payload-files.ts';
import { openJournal } from './journal.ts';
import { checkOwnership, isTransferFolder } from './ownership.ts';
import type { Damage } from './damage.ts';
import type { Fold } from './fold.ts';
import type { PayloadFiles } from './payload-files.ts';
import type { Disk, DiskResult } from '../host/ports.ts';

export type Store<S = unknown, F = unknown> = {
  readonly data: PayloadFiles;
  readonly facts: readonly F[];
  /** Their fold. */
  readonly state: S;
  readonly losses: readonly string[];
  readonly damage: Damage | undefined;
  /** Data synced, facts appended, journal synced: durable when it resolves. */
  commit(facts: readonly F[]): Promise<DiskResult<void>>;
  /** Space for a transfer: its data, and its records in the journal. */
  reserve(number: number, sizeBytes: number, recordsBytes: number): Promise<DiskResult<void>>;
  /** Gives the space of a transfer back. */
  discard(number: number): Promise<DiskResult<void>>;
  /** True when the journal says much less than it is long. */
  isSlack(): boolean;
  rewrite(facts: readonly F[]): Promise<DiskResult<void>>;
  /** Starts a program: nothing that is to be quick waits for it. */
  reserveBlocks(): Promise<DiskResult<void>>;
  close(): Promise<void>;
};

/** `reserveBytes`: what a transfer has to leave free on the file system. */
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
  const opened = await openJournal(disk, directory, fold);
  if (!opened.ok) return opened;
  const { journal, facts, state, damage } = opened.value;
  const losses = [...opened.value.losses];
  if (facts.length === 0) losses.push(...(await orphansIn(disk, directory)));
  const data = createPayloadFiles(disk, directory, reserveBytes);

  async function commit(more: readonly F[]): Promise<DiskResult<void>> {
    // Data first: a fact that survives a cut must never speak of bytes that did not.
    await data.sync();
    return more.length === 0 ? { ok: true, value: undefined } : journal.append(more);
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
    facts,
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

/** A journal that is gone takes along what only it could explain. */
async function orphansIn(disk: Disk, directory: string): Promise<readonly string[]> {
  const found = await disk.list(`${directory}/packages`);
  const count = found.ok ? found.value.filter(isTransferFolder).length : 0;
  if (count === 0) return [];
  return [`journal: has no record of ${count} folders in packages: they are removed`];
}

/** A new directory outlives a cut only when each one above it was synced as well. */
async function makeRoot(disk: Disk, directory: string): Promise<DiskResult<void>> {
  const known = await disk.list(directory);
  const made = known.ok ? known : await disk.makeDirectory(directory);
  if (!made.ok) return made;
  for (let above = parentOf(directory); above !== ''; above = parentOf(above)) {
    const named = await disk.syncDirectory(above);
    // Of what was there before this may be forbidden, and was done by whoever made it.
    if (!named.ok && !known.ok) return named;
    if (known.ok) break;
  }
  return { ok: true, value: undefined };
}

/** Empty above the root, and where a relative path ends. */
function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end === 0 && path !== '/' ? '/' : path.slice(0, Math.max(0, end));
}
