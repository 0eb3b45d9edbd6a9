// The one file that is the agent's memory: facts, appended and synced. A torn tail is cut off
// before anything is appended behind it; a rewrite never touches the old file but by rename.
import { assert } from '../assert.ts';
import { replay } from '../core/apply.ts';
import { transferOf } from '../core/decision.ts';
import { snapshot } from '../core/snapshot.ts';
import { journalReserveBytes, recordChunkBytesMax } from '../limits.ts';
import { decodeRecords, encodeRecord } from './record.ts';
import type { Fact } from '../core/events.ts';
import type { Disk, DiskFile, DiskResult } from '../host/ports.ts';

export type Journal = {
  readonly sizeBytes: () => number;
  /** Bytes since the last rewrite. */
  readonly grownBytes: () => number;
  /** Durable when it resolves. A failure left nothing behind; a failed sync ends the process. */
  append(facts: readonly Fact[]): Promise<DiskResult<void>>;
  /** Replaces the content: write new, sync, rename, sync the directory. */
  rewrite(facts: readonly Fact[]): Promise<DiskResult<void>>;
  /** Takes blocks for what is to come, so that a full disk can still be recorded. */
  reserve(moreBytes: number): Promise<void>;
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
  const journal = createJournal(disk, directory, path, file, soundBytes);
  // A snapshot was synced before it got its name, and nothing was appended since.
  const isSnapshot = bytes.value.length === soundBytes && facts.at(-1)?.kind === 'counted';
  if (!isSnapshot && !(await refreshed(journal, facts, unknownCount))) await mustSync(file);
  return { ok: true, value: { journal, facts, losses } };
}

/**
 * What was read may be in the kernel's memory only: the last process was killed before its sync, or
 * its sync failed. So it is written anew before anything is said of it; and a journal of many short
 * lives stays short.
 */
async function refreshed(journal: Journal, facts: readonly Fact[], unknownCount: number) {
  if (facts.length === 0 || unknownCount > 0) return false;
  const state = replay(facts);
  const rewritten = await journal.rewrite(snapshot(state));
  let chunksCount = 0;
  for (const one of state.packages.values()) chunksCount += transferOf(one)?.chunksCount ?? 0;
  if (chunksCount > 0) await journal.reserve(chunksCount * recordChunkBytesMax);
  return rewritten.ok;
}

function lossesOf(tornBytes: number, unknownCount: number): readonly string[] {
  const losses: string[] = [];
  if (tornBytes > 0) losses.push(`journal: cut off a torn tail of ${tornBytes} bytes`);
  if (unknownCount > 0) losses.push(`journal: left out ${unknownCount} records of another version`);
  return losses;
}

function createJournal(
  disk: Disk,
  directory: string,
  path: string,
  opened: DiskFile,
  soundBytes: number,
): Journal {
  let file = opened;
  let endBytes = soundBytes;
  let baseBytes = soundBytes;
  let roomBytes = 0;

  async function append(facts: readonly Fact[]): Promise<DiskResult<void>> {
    const data = Buffer.concat(facts.map(encodeRecord));
    const written = await file.write(data, endBytes);
    if (!written.ok) {
      // What got there must not be read as facts later; if that fails too, only a restart is safe.
      const cut = await file.truncate(endBytes);
      assert(cut.ok, 'journal: cannot take back a failed append');
      await mustSync(file);
      return written;
    }
    await mustSync(file);
    endBytes += data.length;
    return written;
  }

  async function rewrite(facts: readonly Fact[]): Promise<DiskResult<void>> {
    const created = await disk.open(`${path}.new`, 'create');
    if (!created.ok) return created;
    const next = created.value;
    const data = Buffer.concat(facts.map(encodeRecord));
    // The blocks that were taken belong to the old file.
    if (roomBytes > 0) await disk.reserve(next.path, data.length + roomBytes, true);
    const written = await next.write(data, 0);
    if (!written.ok) {
      await next.close();
      await disk.remove(`${path}.new`);
      return written;
    }
    await mustSync(next);
    const renamed = await disk.rename(`${path}.new`, path);
    if (!renamed.ok) return renamed;
    // Until the directory is synced a cut brings the old file back, so nothing is appended before.
    const named = await disk.syncDirectory(directory);
    assert(named.ok, 'journal: fsync of the directory failed');
    await file.close();
    file = next;
    endBytes = data.length;
    baseBytes = data.length;
    return written;
  }

  async function reserve(moreBytes: number): Promise<void> {
    roomBytes = moreBytes + journalReserveBytes;
    await disk.reserve(path, endBytes + roomBytes, true);
  }

  return {
    sizeBytes: () => endBytes,
    grownBytes: () => endBytes - baseBytes,
    append,
    rewrite,
    reserve,
    close: () => file.close(),
  };
}

/**
 * A failed fsync is never retried: the kernel may have dropped the pages and say yes the next
 * time.
 */
export async function mustSync(file: DiskFile): Promise<void> {
  const synced = await file.sync();
  assert(synced.ok, `fsync of ${file.path} failed`);
}
