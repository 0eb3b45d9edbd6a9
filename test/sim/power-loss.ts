// What a power loss or a failed sync leaves of unsynced data: nothing, all of it, the first writes,
// or any 512-byte sectors in any order, and any names.
import { changed, named, resized, written } from './flash.ts';
import type { Prng } from '../support/prng.ts';
import type { DirectoryNode, FileNode, Image } from './flash.ts';

const sectorBytes = 512;

/** What happens to unsynced changes in an interruption. */
export const survivals = ['keep', 'lose', 'mix'] as const;
export type Survival = (typeof survivals)[number];

/** The files are written back in any order, so each kind has its own survival. */
export type Survivals = {
  readonly data: Survival;
  readonly journal: Survival;
  readonly names: Survival;
};

export function drawSurvivals(prng: Prng): Survivals {
  const draw = () => prng.pick<Survival>(['keep', 'lose', 'mix', 'mix']);
  return { data: draw(), journal: draw(), names: draw() };
}

/** Simulates a power loss: this directory keeps only what survived, all of it durable. */
export function cutPower(directory: DirectoryNode, survivals: Survivals, prng: Prng): void {
  directory.current = namesLeft(directory, survivals.names, prng);
  directory.durable = directory.current;
  directory.changes = [];
  for (const [name, node] of directory.current) {
    if (node.kind === 'directory') {
      cutPower(node, survivals, prng);
      continue;
    }
    node.current = survived(node, survivalOf(name, survivals, prng), prng);
    node.durable = node.current;
    node.changes = [];
    node.failedIn = undefined;
    node.isLying = false;
  }
}

function survivalOf(name: string, { data, journal }: Survivals, prng: Prng): Survival {
  if (name.startsWith('journal')) return journal;
  // One payload may survive completely while its neighbour is torn.
  return data === 'mix' ? prng.pick<Survival>(['keep', 'lose', 'mix', 'mix']) : data;
}

function namesLeft({ current, durable, changes }: DirectoryNode, survival: Survival, prng: Prng) {
  if (changes.length === 0 || survival === 'lose') return durable;
  if (survival === 'keep') return current;
  const isOrdered = prng.chance(0.5);
  const kept = prng.below(changes.length + 1);
  return changes
    .filter((_, at) => (isOrdered ? at < kept : prng.chance(0.5)))
    .reduce(named, durable);
}

/** The kernel drops pages that it could not write, and reports the error only once (fsync). */
export function failSync(file: FileNode, prng: Prng): void {
  file.durable = survived(file, 'mix', prng);
  file.changes = [];
  // Some file systems still return the pages that are never written.
  file.isLying = prng.chance(0.5);
  if (!file.isLying) file.current = file.durable;
}

/**
 * The changes survive in order, up to a sector of one of them. Or each sector keeps a prefix of its
 * changes, and so does the size. This covers torn, lost and reordered writes.
 */
function survived(file: FileNode, survival: Survival, prng: Prng): Image {
  if (file.changes.length === 0 || survival === 'lose') return file.durable;
  if (survival === 'keep') return file.changes.reduce(changed, file.durable);
  if (prng.chance(0.5)) return survivedInOrder(file, prng);
  const sizesKept = prng.below(file.changes.length + 1);
  const sectorsKept = new Map<number, number>();
  const isKept = (sector: number, at: number) => {
    const kept = sectorsKept.get(sector) ?? prng.below(file.changes.length + 1);
    sectorsKept.set(sector, kept);
    return at < kept;
  };
  let image = file.durable;
  for (const [at, one] of file.changes.entries()) {
    if (one.kind === 'resize') {
      if (at < sizesKept) image = resized(image, one.sizeBytes);
      continue;
    }
    const before = image.sizeBytes;
    for (const [offsetBytes, piece] of sectorsOf(one.data, one.offsetBytes)) {
      if (!isKept(Math.floor(offsetBytes / sectorBytes), at)) continue;
      image = written(image, piece, offsetBytes);
    }
    const end = Math.max(before, one.offsetBytes + one.data.length);
    image = { sizeBytes: at < sizesKept ? end : before, blocks: image.blocks };
  }
  // Bytes beyond the end do not exist, although their sectors were written.
  return resized({ sizeBytes: Number.MAX_SAFE_INTEGER, blocks: image.blocks }, image.sizeBytes);
}

function survivedInOrder({ changes, durable }: FileNode, prng: Prng): Image {
  const count = prng.below(changes.length);
  const image = changes.slice(0, count).reduce(changed, durable);
  const torn = changes[count];
  if (torn?.kind !== 'write') return image;
  const pieces = [...sectorsOf(torn.data, torn.offsetBytes)];
  const kept = pieces.slice(0, prng.below(pieces.length + 1));
  return kept.reduce((now, [offsetBytes, piece]) => written(now, piece, offsetBytes), image);
}

function* sectorsOf(data: Uint8Array, offsetBytes: number): Generator<[number, Uint8Array]> {
  const endBytes = offsetBytes + data.length;
  for (let at = offsetBytes; at < endBytes; ) {
    const next = Math.min(endBytes, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    yield [at, data.subarray(at - offsetBytes, next - offsetBytes)];
    at = next;
  }
}
