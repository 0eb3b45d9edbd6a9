// A disk with a volatile cache: written data is on the platter only after a flush or with FUA. A
// power loss drops the cache, keeps it, or keeps a part of it, down to single pages. On an ordinary
// disk a missing flush is never found, because the host keeps the data of the guest.
// A held write has no answer yet, so no flush includes it: later writes reach the platter first.
import type { Prng } from '../support/prng.ts';

export type Survival = 'drop' | 'keep' | 'tear';

export type VolatileDisk = {
  readonly sizeBytes: number;
  read(offset: number, length: number): Buffer;
  write(offset: number, data: Buffer, isDurable: boolean): void;
  /** Takes a write that must not be answered before the power loss. */
  hold(offset: number, data: Buffer): void;
  flush(): void;
  /** From this call to the power loss the disk changes nothing and answers nothing. */
  freeze(): void;
  isFrozen(): boolean;
  /** Simulates the power loss; afterwards the disk has only what survived. */
  cut(survival: Survival, prng: Prng, ofHeld?: Survival): CutReport;
  /** What a boot would find if the cache were dropped at this moment. */
  readonly platter: Buffer;
  readonly counts: { writes: number; flushes: number };
};

export type CutReport = {
  /** Answered writes in the cache. */
  readonly waiting: number;
  /** Writes without an answer. */
  readonly held: number;
  readonly lost: number;
  readonly torn: number;
};

type Waiting = { readonly offset: number; readonly data: Buffer; readonly isHeld: boolean };

/** A page in the cache is written completely or not at all, as on common flash. */
const pageBytes = 4_096;
const sectorBytes = 512;
/**
 * Its first two sectors have one checksum and no copy in the journal of ext4. If they differ, the
 * file system is lost ("invalid superblock checksum").
 */
const superblockEnd = 4_096;

export function createDisk(image: Buffer): VolatileDisk {
  const platter = image;
  const shown = Buffer.from(image);
  const counts = { writes: 0, flushes: 0 };
  let cache: Waiting[] = [];
  let isFrozen = false;

  function flush(): void {
    if (isFrozen) return;
    for (const { offset, data, isHeld } of cache) if (!isHeld) data.copy(platter, offset);
    cache = cache.filter(({ isHeld }) => isHeld);
    counts.flushes += 1;
  }

  function write(offset: number, data: Buffer, isDurable: boolean): void {
    if (isFrozen) return;
    take(offset, data, false);
    if (!isDurable) return;
    // An older write to the same place must not be applied after this one.
    const overlaps = (one: Waiting) =>
      one.offset < offset + data.length && offset < one.offset + one.data.length;
    for (const one of cache.filter(overlaps)) one.data.copy(platter, one.offset);
    cache = cache.filter((one) => !overlaps(one));
  }

  function take(offset: number, data: Buffer, isHeld: boolean): void {
    counts.writes += 1;
    data.copy(shown, offset);
    cache.push({ offset, data: Buffer.from(data), isHeld });
  }

  function cut(survival: Survival, prng: Prng, ofHeld = survival): CutReport {
    let lost = 0;
    let torn = 0;
    for (const one of cache) {
      const { offset, data, isHeld } = one;
      const rule = isHeld ? ofHeld : survival;
      const fate = rule === 'tear' ? prng.pick(['drop', 'keep', 'tear'] as const) : rule;
      if (fate === 'keep') data.copy(platter, offset);
      if (fate === 'drop') lost += 1;
      if (fate !== 'tear') continue;
      torn += 1;
      const isKept = piecesOf(one, prng);
      const unitBytes = unitOf(one);
      for (let at = 0, piece = 0; at < data.length; piece += 1) {
        const end = at + unitBytes - ((offset + at) % unitBytes);
        if (isKept(piece)) data.copy(platter, offset + at, at, end);
        at = end;
      }
    }
    const held = cache.filter(({ isHeld }) => isHeld).length;
    const waiting = cache.length - held;
    cache = [];
    isFrozen = false;
    platter.copy(shown);
    return { waiting, held, lost, torn };
  }

  return {
    sizeBytes: image.length,
    read: (offset, length) => shown.subarray(offset, offset + length),
    write,
    hold: (offset, data) => {
      if (!isFrozen) take(offset, data, true);
    },
    flush,
    freeze: () => void (isFrozen = true),
    isFrozen: () => isFrozen,
    cut,
    platter,
    counts,
  };
}

/** The power can fail within a held write, so it is torn by sectors. */
function unitOf({ offset, isHeld }: Waiting): number {
  return isHeld && offset >= superblockEnd ? sectorBytes : pageBytes;
}

/** Returns which pieces of a torn write reach the platter. */
function piecesOf(one: Waiting, prng: Prng): (piece: number) => boolean {
  const special = prng.below(Math.ceil(one.data.length / unitOf(one)));
  const shapes = ['some', 'some', 'first', 'all but one', 'only one'] as const;
  const shape = one.isHeld ? prng.pick(shapes) : 'some';
  if (shape === 'first') return (piece) => piece < special;
  if (shape === 'all but one') return (piece) => piece !== special;
  if (shape === 'only one') return (piece) => piece === special;
  return () => prng.chance(0.5);
}
