// The one file that is the agent's memory: facts, appended and synced. A torn tail is cut off
// before anything is appended behind it; a rewrite never touches the old file but by rename.
import { assert } from '../assert.ts';
import { replay } from '../core/apply.ts';
import { transferOf } from '../core/decision.ts';
import { snapshot } from '../core/snapshot.ts';
import { journalReserveBytes, recordChunkBytesMax } from '../limits.ts';
import { decodeRecords, encodeRecord } from './record.ts';
import type { Fact } from '../core/events.ts';
import type { State } from '../core/model.ts';
import type { Disk, DiskFile, DiskResult } from '../host/ports.ts';

export type Journal = {
  /** Bytes since the last rewrite, or since one was tried. */
  readonly grownBytes: () => number;
  /** Durable when it resolves. A failure left nothing behind; a failed sync ends the process. */
  append(facts: readonly Fact[]): Promise<DiskResult<void>>;
  /** Replaces the content: write new, sync, rename, sync the directory. */
  rewrite(facts: readonly Fact[]): Promise<DiskResult<void>>;
  /** Takes blocks for the records of a transfer, so that a full disk is met before it begins. */
  reserve(number: number, chunksCount: number): Promise<DiskResult<void>>;
  /** The transfer is over: a rewrite takes no blocks for it any more. */
  release(number: number): void;
  close(): Promise<void>;
};

export type OpenedJournal = {
  readonly journal: Journal;
  readonly facts: readonly Fact[];
  /** What was lost, a sentence each. */
  readonly losses: readonly string[];
};

export async function openJournal(
  disk: Disk,
  directory: string,
): Promise<DiskResult<OpenedJournal>> {
  const path = `${directory}/journal`;
  const leftover = await disk.remove(`${path}.new`);
  if (!leftover.ok) return leftover;
  const opened = await disk.open(path, 'create');
  if (!opened.ok) return opened;
  const file = opened.value;
  const size = await file.size();
  if (!size.ok) return size;
  const bytes = await file.read(0, size.value);
  if (!bytes.ok) return bytes;
  const { facts, soundBytes, unknownCount } = decodeRecords(bytes.value);
  const losses = lossesOf(bytes.value.length - soundBytes, unknownCount);
  if (soundBytes < size.value) {
    const cut = await file.truncate(soundBytes);
    if (!cut.ok) return cut;
  }
  const named = await disk.syncDirectory(directory);
  if (!named.ok) return named;
  const state = replay(facts);
  const journal = createJournal(disk, directory, file, soundBytes, roomsOf(state));
  // What was read may be in the kernel's memory only: the last process was killed before its sync,
  // or its sync failed. So it is written anew before anything is said of it; and a journal of many
  // short lives stays short. A snapshot was synced before it got its name.
  const isSnapshot = bytes.value.length === soundBytes && facts.at(-1)?.kind === 'counted';
  const isToStay = isSnapshot || facts.length === 0 || unknownCount > 0;
  if (isToStay || !(await journal.rewrite(snapshot(state))).ok) {
    if (!isSnapshot) await mustSync(file);
    // Best effort: where a full disk was found at the start, it is met again by what is written.
    await journal.takeRoom();
  }
  return { ok: true, value: { journal, facts, losses } };
}

function lossesOf(tornBytes: number, unknownCount: number): readonly string[] {
  const losses: string[] = [];
  if (tornBytes > 0) losses.push(`journal: cut off a torn tail of ${tornBytes} bytes`);
  if (unknownCount > 0) losses.push(`journal: left out ${unknownCount} records of another version`);
  return losses;
}

/** Bytes for the records of each transfer, by its number. */
function roomsOf(state: State): Map<number, number> {
  const rooms = new Map<number, number>();
  for (const one of state.packages.values()) {
    const transfer = transferOf(one);
    if (transfer !== undefined) rooms.set(transfer.number, roomOf(transfer.chunksCount));
  }
  return rooms;
}

const roomOf = (chunksCount: number) => chunksCount * recordChunkBytesMax;

function createJournal(
  disk: Disk,
  directory: string,
  opened: DiskFile,
  soundBytes: number,
  rooms: Map<number, number>,
): Journal & { takeRoom(): Promise<DiskResult<void>> } {
  const { path } = opened;
  let file = opened;
  let endBytes = soundBytes;
  let baseBytes = soundBytes;

  async function append(facts: readonly Fact[]): Promise<DiskResult<void>> {
    const data = Buffer.concat(facts.map(encodeRecord));
    const written = await file.write(data, endBytes);
    if (!written.ok) {
      // What got there must not be read as facts later; if that fails too, only a restart is safe.
      const cut = await file.truncate(endBytes);
      assert(cut.ok, 'journal: cannot take back a failed append');
      await mustSync(file);
      // Cutting a file gives back the blocks that were taken beyond its end.
      await takeRoom();
      return written;
    }
    await mustSync(file);
    endBytes += data.length;
    return written;
  }

  async function rewrite(facts: readonly Fact[]): Promise<DiskResult<void>> {
    const data = Buffer.concat(facts.map(encodeRecord));
    const replaced = await replace(data);
    if (replaced.ok) endBytes = data.length;
    // One that failed comes again when the journal has grown as much again, not with each commit.
    baseBytes = endBytes;
    return replaced;
  }

  async function replace(data: Uint8Array): Promise<DiskResult<void>> {
    const created = await disk.open(`${path}.new`, 'create');
    if (!created.ok) return created;
    const next = created.value;
    const named = await nameAnew(next, data);
    if (!named.ok) {
      await next.close();
      await disk.remove(next.path);
      return named;
    }
    // Until the directory is synced a cut brings the old file back, so nothing is appended before.
    assertSynced(directory, await disk.syncDirectory(directory));
    await file.close();
    file = next;
    return named;
  }

  async function nameAnew(next: DiskFile, data: Uint8Array): Promise<DiskResult<void>> {
    // One that could not be removed may be longer, and its records would follow these.
    const emptied = await next.truncate(0);
    if (!emptied.ok) return emptied;
    // The blocks that were taken belong to the old file: it stays where the new one gets none.
    const room = await disk.reserve(next.path, data.length + roomBytes(), true);
    if (!room.ok) return room;
    const written = await next.write(data, 0);
    if (!written.ok) return written;
    await mustSync(next);
    return disk.rename(next.path, path);
  }

  function roomBytes(): number {
    return [...rooms.values()].reduce((sum, bytes) => sum + bytes, journalReserveBytes);
  }

  async function takeRoom(): Promise<DiskResult<void>> {
    const taken = await disk.reserve(path, endBytes + roomBytes(), true);
    return taken.ok ? { ok: true, value: undefined } : taken;
  }

  async function reserve(number: number, chunksCount: number): Promise<DiskResult<void>> {
    rooms.set(number, roomOf(chunksCount));
    const taken = await takeRoom();
    if (!taken.ok) rooms.delete(number);
    return taken;
  }

  return {
    grownBytes: () => endBytes - baseBytes,
    append,
    rewrite,
    reserve,
    release: (number) => void rooms.delete(number),
    takeRoom,
    close: () => file.close(),
  };
}

/**
 * A failed fsync is never retried: the kernel may have dropped the pages and say yes the next
 * time.
 */
export async function mustSync(file: DiskFile): Promise<void> {
  assertSynced(file.path, await file.sync());
}

export function assertSynced(path: string, synced: DiskResult<void>): void {
  assert(synced.ok, `fsync of ${path} failed: ${synced.ok ? '' : synced.reason}`);
}
