// The set of chunks of a transfer that are on flash. An immutable structure: each change copies
// one page, so the previous state stays valid if a commit fails.
import type { ChunkPage, ChunkSet } from './model.ts';

export const pageChunks = 256;
const emptyPage: ChunkPage = {
  held: new Uint8Array(pageChunks / 8),
  crcs: new Uint32Array(pageChunks),
};

export const emptyChunkSet: ChunkSet = { count: 0, pages: [] };

const pageOf = (chunkIndex: number) => Math.floor((chunkIndex - 1) / pageChunks);
const slotOf = (chunkIndex: number) => (chunkIndex - 1) % pageChunks;
const bitAt = (page: ChunkPage, slot: number) => ((page.held[slot >> 3] ?? 0) >> (slot & 7)) & 1;

export function hasChunk(chunks: ChunkSet, chunkIndex: number): boolean {
  const page = chunks.pages[pageOf(chunkIndex)];
  return page !== undefined && bitAt(page, slotOf(chunkIndex)) === 1;
}

export function crcOf(chunks: ChunkSet, chunkIndex: number): number | undefined {
  const page = chunks.pages[pageOf(chunkIndex)];
  if (page === undefined || bitAt(page, slotOf(chunkIndex)) === 0) return undefined;
  return page.crcs[slotOf(chunkIndex)];
}

export function addChunk(chunks: ChunkSet, chunkIndex: number, crc: number): ChunkSet {
  return changed(chunks, chunkIndex, crc, true);
}

export function removeChunk(chunks: ChunkSet, chunkIndex: number): ChunkSet {
  return changed(chunks, chunkIndex, 0, false);
}

function changed(chunks: ChunkSet, chunkIndex: number, crc: number, held: boolean): ChunkSet {
  const before = hasChunk(chunks, chunkIndex);
  const old = chunks.pages[pageOf(chunkIndex)] ?? emptyPage;
  const page = { held: old.held.slice(), crcs: old.crcs.slice() };
  const slot = slotOf(chunkIndex);
  const byte = page.held[slot >> 3] ?? 0;
  page.held[slot >> 3] = held ? byte | (1 << (slot & 7)) : byte & ~(1 << (slot & 7));
  page.crcs[slot] = crc;
  const count = chunks.count + (held ? 1 : 0) - (before ? 1 : 0);
  return withPage({ count, pages: chunks.pages }, pageOf(chunkIndex), page);
}

function withPage(chunks: ChunkSet, at: number, page: ChunkPage): ChunkSet {
  const pages = chunks.pages.slice();
  while (pages.length < at) pages.push(undefined);
  pages[at] = page;
  return { count: chunks.count, pages };
}

/** Adds a whole page, as a compacted journal contains it. */
export function addPage(chunks: ChunkSet, at: number, page: ChunkPage): ChunkSet {
  const old = chunks.pages[at];
  const count = chunks.count + heldIn(page) - (old === undefined ? 0 : heldIn(old));
  return withPage({ count, pages: chunks.pages }, at, page);
}

function heldIn(page: ChunkPage): number {
  let count = 0;
  for (let slot = 0; slot < pageChunks; slot++) count += bitAt(page, slot);
  return count;
}

/** Length of the gapless run 1..n. Each ack needs it, so it is counted by bytes. */
export function prefixCount(chunks: ChunkSet): number {
  let count = 0;
  for (const page of chunks.pages) {
    if (page === undefined) return count;
    for (const byte of page.held) {
      count += byte === 0xff ? 8 : 31 - Math.clz32(~byte & -~byte);
      if (byte !== 0xff) return count;
    }
  }
  return count;
}

/** Returns true if the run 1..n has more than one chunk. */
export function isPrefixLong(chunks: ChunkSet): boolean {
  return hasChunk(chunks, 1) && hasChunk(chunks, 2);
}

/** All stored indices, ascending. */
export function indicesOf(chunks: ChunkSet): readonly number[] {
  const indices: number[] = [];
  for (const [at, page] of chunks.pages.entries()) {
    if (page === undefined) continue;
    for (let slot = 0; slot < pageChunks; slot++) {
      if (bitAt(page, slot) === 1) indices.push(at * pageChunks + slot + 1);
    }
  }
  return indices;
}

/** What an ack lists: all stored chunks, the last two of the run 1..n, or only n. */
export type AckList = 'full' | 'tail' | 'single';

/**
 * Returns the indices of an ack. Without chunk 1 the list is empty, because servers would skip
 * chunk 1 otherwise. After the end of the run 1..n, a server sends n + 1, the first missing chunk,
 * whatever is stored after it (protocol 2.4).
 */
export function ackIndices(chunks: ChunkSet, list: AckList): readonly number[] {
  if (list === 'full') return hasChunk(chunks, 1) ? indicesOf(chunks) : [];
  const prefix = prefixCount(chunks);
  if (prefix < 2) return prefix === 0 ? [] : [1];
  return list === 'tail' ? [prefix - 1, prefix] : [prefix];
}
