// A disk with a volatile cache: written data is on the platter only after a flush or with FUA. A
// power loss drops the cache, keeps it, or keeps a part of it, down to single pages. On an ordinary
// disk a missing flush is never found, because the host keeps the data of the guest.
import type { Prng } from '../support/prng.ts';

export type Survival = 'drop' | 'keep' | 'tear';

export type VolatileDisk = {
  readonly sizeBytes: number;
  read(offset: number, length: number): Buffer;
  write(offset: number, data: Buffer, isDurable: boolean): void;
  flush(): void;
  /** From this call to the power loss the disk changes nothing and answers nothing. */
  freeze(): void;
  isFrozen(): boolean;
  /** Simulates the power loss; afterwards the disk has only what survived. */
  cut(survival: Survival, prng: Prng): CutReport;
  /** What a boot would find if the cache were dropped at this moment. */
  readonly platter: Buffer;
  waiting(): number;
  readonly counts: { writes: number; flushes: number };
};

export type CutReport = { readonly waiting: number; readonly lost: number; readonly torn: number };

type Waiting = { readonly offset: number; readonly data: Buffer };

/**
 * A page is written completely or not at all, as on common flash. With units of 512 bytes even ext4
 * is lost, because its superblock is in two of them ("invalid superblock checksum").
 */
const pageBytes = 4_096;

export function createDisk(image: Buffer): VolatileDisk {
  const platter = image;
  const shown = Buffer.from(image);
  const counts = { writes: 0, flushes: 0 };
  let cache: Waiting[] = [];
  let isFrozen = false;

  function flush(): void {
    if (isFrozen) return;
    for (const { offset, data } of cache) data.copy(platter, offset);
    cache = [];
    counts.flushes += 1;
  }

  function write(offset: number, data: Buffer, isDurable: boolean): void {
    if (isFrozen) return;
    counts.writes += 1;
    data.copy(shown, offset);
    if (!isDurable) {
      cache.push({ offset, data: Buffer.from(data) });
      return;
    }
    // An older write to the same place must not be applied after this one.
    const overlaps = (one: Waiting) =>
      one.offset < offset + data.length && offset < one.offset + one.data.length;
    for (const one of cache.filter(overlaps)) one.data.copy(platter, one.offset);
    cache = cache.filter((one) => !overlaps(one));
    data.copy(platter, offset);
  }

  function cut(survival: Survival, prng: Prng): CutReport {
    let lost = 0;
    let torn = 0;
    for (const { offset, data } of cache) {
      const fate = survival === 'tear' ? prng.pick(['drop', 'keep', 'tear'] as const) : survival;
      if (fate === 'keep') data.copy(platter, offset);
      if (fate === 'drop') lost += 1;
      if (fate !== 'tear') continue;
      torn += 1;
      for (let at = 0; at < data.length; ) {
        const end = at + pageBytes - ((offset + at) % pageBytes);
        if (prng.chance(0.5)) data.copy(platter, offset + at, at, end);
        at = end;
      }
    }
    const waiting = cache.length;
    cache = [];
    isFrozen = false;
    platter.copy(shown);
    return { waiting, lost, torn };
  }

  return {
    sizeBytes: image.length,
    read: (offset, length) => shown.subarray(offset, offset + length),
    write,
    flush,
    freeze: () => void (isFrozen = true),
    isFrozen: () => isFrozen,
    cut,
    platter,
    waiting: () => cache.length,
    counts,
  };
}
