// The journal: one file of facts, appended and synced. The agent truncates an interrupted append
// before the next append, and saves a copy of a damaged file. A rewrite replaces the file by rename
// only.
import { assert } from '../assert.ts';
import { journalReserveBytes } from '../limits.ts';
import { createDamageSaver, damageOf } from './damage.ts';
import { encodeBatch, encodeJournal, foldJournal } from './journal-codec.ts';
import { copyDistanceBytes, formatVersion } from './frame.ts';
import { assertSynced, mustSync } from './sync.ts';
import type { Disk, DiskFile, DiskResult } from '../host/ports.ts';
import type { Damage, DamageSaver } from './damage.ts';
import type { Confirm } from './confirm.ts';
import type { Decoded } from './journal-codec.ts';
import type { Fold } from './fold.ts';

export type Journal<F> = {
  /** Bytes appended since the last rewrite or failed rewrite. */
  readonly grownBytes: () => number;
  /**
   * Durable when it resolves, as is all that `syncData` syncs, which runs next to the sync of the
   * journal. A failed append is undone without a sync of data; a failed sync ends the process.
   */
  append(facts: readonly F[], syncData?: () => Promise<void>): Promise<DiskResult<void>>;
  /** Appends to the last batch of the file that was opened. */
  amend(facts: readonly F[]): Promise<DiskResult<void>>;
  /** Replaces the content: writes a new file, syncs, renames, syncs the directory. */
  rewrite(facts: readonly F[]): Promise<DiskResult<void>>;
  /** Reserves blocks for the records of a transfer, to detect a full disk before the transfer. */
  reserve(number: number, recordsBytes: number): Promise<DiskResult<void>>;
  /** Reserves the blocks of all open transfers, after the open and after each rewrite. */
  reserveBlocks(): Promise<DiskResult<void>>;
  /** Ends the reservation of a finished transfer. */
  release(number: number): void;
  close(): Promise<void>;
};

export type OpenedJournal<S, F> = {
  readonly journal: Journal<F>;
  readonly state: S;
  /** True if the journal contained no fact. */
  readonly isEmpty: boolean;
  /** What was lost by an interrupted append or by another version, a sentence each. */
  readonly losses: readonly string[];
  readonly damage: Damage | undefined;
};

export async function openJournal<S, F>(
  disk: Disk,
  directory: string,
  fold: Fold<S, F>,
  confirm: Confirm,
): Promise<DiskResult<OpenedJournal<S, F>>> {
  const path = `${directory}/journal`;
  const leftover = await disk.remove(`${path}.new`);
  if (!leftover.ok) return leftover;
  const opened = await disk.open(path, 'create', 'refused');
  if (!opened.ok) return opened;
  const file = opened.value;
  const size = await file.size();
  if (!size.ok) return size;
  const bytes = await file.read(0, size.value);
  if (!bytes.ok) return bytes;
  const { state: folded, lastBatch, ...decoded } = foldJournal(fold, bytes.value);
  const version = decoded.header?.version ?? formatVersion;
  if (version > formatVersion) return newer(path, version);
  const named = await disk.syncDirectory(directory);
  if (!named.ok) return named;
  const confirmed = await confirm(fold, folded, lastBatch?.facts ?? []);
  if (!confirmed.ok) return confirmed;
  const { state, removals } = confirmed.value;
  const damageSaver = createDamageSaver(disk, directory, decoded.damages.length > 0, bytes.value);
  const reservations = new Map(fold.reservedBytes(state));
  const journal = createJournal(fold, {
    disk,
    directory,
    damageSaver: damageSaver,
    file,
    decoded,
    lastBatchFrom: lastBatch?.firstSequence,
    reservations: reservations,
  });
  const snapshot = () => fold.snapshot(state);
  const prepared = await replaceOrSync(journal, file, decoded, removals, snapshot);
  if (!prepared.ok) return prepared;
  const damage = damageOf(decoded, damageSaver.outcome());
  const { isEmpty } = decoded;
  const losses = [...lossesOf(decoded), ...confirmed.value.losses];
  return { ok: true, value: { journal, state, isEmpty, losses, damage } };
}

function newer(path: string, version: number): DiskResult<never> {
  const reason =
    `${path} has format ${version}; this version reads formats up to ${formatVersion}: ` +
    'install the version of sota-agent that wrote it';
  return { ok: false, code: 'ENOTSUP', reason };
}

/**
 * The data may exist only in kernel memory, if the last process was killed before its sync or the
 * sync failed. Therefore the journal is rewritten before the agent sends anything that depends on
 * it. The rewrite also keeps the journal short. A snapshot was synced before its rename.
 * `removals`: facts of the last batch that are void; an old file must state it.
 */
async function replaceOrSync<F>(
  journal: Journal<F>,
  file: DiskFile,
  decoded: Decoded,
  removals: readonly F[],
  snapshot: () => readonly F[],
): Promise<DiskResult<void>> {
  const { isSnapshot, unknownCount, soundBytes, tornBytes } = decoded;
  const isToStay = isSnapshot || unknownCount > 0;
  if (isToStay || !(await journal.rewrite(snapshot())).ok) {
    if (tornBytes > 0) {
      const truncated = await file.truncate(soundBytes);
      if (!truncated.ok) return truncated;
    }
    if (!isSnapshot) await mustSync(file);
    // In memory only, the loss would be forgotten when another batch follows.
    const amended = removals.length > 0 ? await journal.amend(removals) : done;
    if (!amended.ok) return amended;
  }
  return { ok: true, value: undefined };
}

function lossesOf({ tornBytes, unknownCount }: Decoded): readonly string[] {
  const losses: string[] = [];
  if (tornBytes > 0) losses.push(`journal: removed ${tornBytes} bytes of an interrupted append`);
  if (unknownCount > 0) losses.push(`journal: skipped ${unknownCount} records of another version`);
  return losses;
}

const done = { ok: true, value: undefined } as const;

type Parts = {
  readonly disk: Disk;
  readonly directory: string;
  readonly damageSaver: DamageSaver;
  readonly file: DiskFile;
  readonly decoded: Decoded;
  /** Sequence number of the first record of the last batch. */
  readonly lastBatchFrom: number | undefined;
  readonly reservations: Map<number, number>;
};

function createJournal<S, F>(fold: Fold<S, F>, parts: Parts): Journal<F> {
  const { disk, directory, damageSaver, decoded, reservations, ...given } = parts;
  const { path } = given.file;
  let { file } = given;
  let { nextSequence, soundBytes: endBytes } = decoded;
  let baseBytes = endBytes;
  let reserving: Promise<unknown> = Promise.resolve();

  function append(facts: readonly F[], syncData?: () => Promise<void>): Promise<DiskResult<void>> {
    return appendAt(0, facts, syncData);
  }

  /**
   * If the records joined a new batch, a power loss in this append could leave some of them, and
   * the start after it would not check the batch before.
   */
  function amend(facts: readonly F[]): Promise<DiskResult<void>> {
    return appendAt(nextSequence - (parts.lastBatchFrom ?? nextSequence), facts);
  }

  async function appendAt(
    firstPlace: number,
    facts: readonly F[],
    syncData?: () => Promise<void>,
  ): Promise<DiskResult<void>> {
    const { originals, copies } = encodeBatch(fold.codec, facts, nextSequence, { firstPlace });
    const pieces = [{ data: originals, at: endBytes }];
    // The copies follow synced originals and data: if a copy exists, a missing original is damage.
    const copiesAt = endBytes + originals.length + copyDistanceBytes;
    if (copies.length > 0) pieces.push({ data: copies, at: copiesAt });
    for (const { data, at } of pieces) {
      const written = await file.write(data, at);
      if (!written.ok) return undoAppend(written);
      await Promise.all([syncData?.(), mustSync(file)]);
    }
    const last = pieces.at(-1);
    if (last !== undefined) endBytes = last.at + last.data.length;
    nextSequence += facts.length;
    return done;
  }

  /** Removes a partial append, which must never be read as facts. Throws if that fails. */
  async function undoAppend<T>(refused: T): Promise<T> {
    const truncated = await file.truncate(endBytes);
    assert(truncated.ok, 'journal: cannot undo a failed append');
    await mustSync(file);
    // Truncating a file releases the blocks that were reserved after its end.
    await reserveBlocks();
    return refused;
  }

  async function rewrite(facts: readonly F[]): Promise<DiskResult<void>> {
    const data = encodeJournal(fold, facts, nextSequence);
    const kept = await damageSaver.save();
    const replaced = kept.ok ? await replace(data) : kept;
    if (replaced.ok) {
      endBytes = data.length;
      nextSequence += facts.length;
    }
    // After a failure the next rewrite waits until the journal has grown again.
    baseBytes = endBytes;
    return replaced;
  }

  async function replace(data: Uint8Array): Promise<DiskResult<void>> {
    // The old file owns the reserved blocks. It stays if there is no space for a new file.
    const free = await disk.freeBytes(directory);
    if (!free.ok) return free;
    const neededBytes = data.length + reservedBytes();
    if (free.value < neededBytes) {
      const reason = `a new journal needs ${neededBytes} bytes, free: ${free.value}`;
      return { ok: false, code: 'ENOSPC', reason };
    }
    const created = await disk.open(`${path}.new`, 'create', 'refused');
    if (!created.ok) return created;
    const next = created.value;
    const named = await replaceFile(next, data);
    if (!named.ok) {
      await next.close();
      await disk.remove(next.path);
      return named;
    }
    // Before the directory is synced, a power loss restores the old file, so appends wait.
    assertSynced(directory, await disk.syncDirectory(directory));
    await file.close();
    file = { ...next, path };
    return named;
  }

  async function replaceFile(next: DiskFile, data: Uint8Array): Promise<DiskResult<void>> {
    // An old file that was not removed may be longer; its records would follow the new ones.
    const emptied = await next.truncate(0);
    if (!emptied.ok) return emptied;
    const written = await next.write(data, 0);
    if (!written.ok) return written;
    await mustSync(next);
    return disk.rename(next.path, path);
  }

  function reservedBytes(): number {
    return [...reservations.values()].reduce((sum, bytes) => sum + bytes, journalReserveBytes);
  }

  async function reserveBlocks(): Promise<DiskResult<void>> {
    const started = disk.reserve(path, endBytes + reservedBytes(), true);
    reserving = started;
    const taken = await started;
    return taken.ok ? done : taken;
  }

  async function reserve(number: number, recordsBytes: number): Promise<DiskResult<void>> {
    reservations.set(number, recordsBytes);
    const taken = await reserveBlocks();
    if (!taken.ok) reservations.delete(number);
    return taken;
  }

  return {
    grownBytes: () => endBytes - baseBytes,
    append,
    amend,
    rewrite,
    reserve,
    release: (number: number) => void reservations.delete(number),
    reserveBlocks,
    close: async () => {
      await reserving;
      await file.close();
    },
  };
}
