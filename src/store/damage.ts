// Saves a copy of a damaged journal, once, before the journal is replaced. The copy is the only
// source for an analysis of the loss.
import { damagedBytesMax } from '../limits.ts';
import { assertSynced, mustSync } from './sync.ts';
import type { Disk, DiskResult } from '../host/ports.ts';
import type { Decoded } from './journal-codec.ts';

export type Damage = {
  /** The first damaged regions, as `offset+bytes`. */
  readonly at: string;
  /** Minimum number of records without an intact copy. */
  readonly lost: number;
  /** Path of the saved copy, or why there is none. */
  readonly kept: string;
};

export type DamageSaver = {
  /** Writes `journal.damaged` once; does nothing if the journal is intact. */
  save(): Promise<DiskResult<void>>;
  outcome(): string;
};

const regionsShown = 5;
const done = { ok: true, value: undefined } as const;

export function damageOf({ damages, lostCount }: Decoded, kept: string): Damage | undefined {
  if (damages.length === 0) return undefined;
  const shown = damages.slice(0, regionsShown).map(({ at, end }) => `${at}+${end - at}`);
  const more = damages.length - shown.length;
  const at = more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
  return { at, lost: lostCount, kept };
}

/** Returns a sentence about the damage; undefined: the journal is intact. */
export function damageText(decoded: Decoded): string | undefined {
  const damage = damageOf(decoded, '');
  if (damage === undefined) return undefined;
  const { at, lost } = damage;
  const records = lost === 1 ? '1 record is' : `${lost} records are`;
  return `the journal is damaged (bytes ${at}); ${records} lost; the next start repairs it`;
}

export function createDamageSaver(
  disk: Disk,
  directory: string,
  isDamaged: boolean,
  bytes: Uint8Array,
): DamageSaver {
  const path = `${directory}/journal.damaged`;
  let left = isDamaged ? bytes.subarray(0, damagedBytesMax) : undefined;
  let outcome = isDamaged ? 'not saved yet' : '';

  async function save(): Promise<DiskResult<void>> {
    if (left === undefined) return done;
    const written = await write(left);
    if (written.ok) left = undefined;
    outcome = written.ok ? path : `not saved: ${written.reason}`;
    return written;
  }

  async function write(data: Uint8Array): Promise<DiskResult<void>> {
    const opened = await disk.open(path, 'create', 'refused');
    if (!opened.ok) return opened;
    const file = opened.value;
    try {
      const emptied = await file.truncate(0);
      const written = emptied.ok ? await file.write(data, 0) : emptied;
      if (!written.ok) return written;
      await mustSync(file);
    } finally {
      await file.close();
    }
    assertSynced(directory, await disk.syncDirectory(directory));
    return done;
  }

  return { save: save, outcome: () => outcome };
}
