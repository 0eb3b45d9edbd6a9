// The medium of the simulated disk. Each file and each directory keeps synced data apart from
// unsynced data.
import type { Prng } from '../support/prng.ts';

const blockBytes = 4_096;

/** Blocks are never changed in place, so that images can share them. */
export type Image = {
  readonly sizeBytes: number;
  readonly blocks: ReadonlyMap<number, Uint8Array>;
};
type Change =
  | { readonly kind: 'write'; readonly data: Uint8Array; readonly offsetBytes: number }
  | { readonly kind: 'resize'; readonly sizeBytes: number };

export type FileNode = {
  readonly kind: 'file';
  current: Image;
  durable: Image;
  /** Changes since the last sync, in order. */
  changes: readonly Change[];
  /** Blocks reserved beyond the size. */
  reservedBytes: number;
  /**
   * The process whose sync of this file failed; a second sync in that process would succeed
   * wrongly.
   */
  failedIn: number | undefined;
  /**
   * Reads return data that is never written, because a sync failed and the kernel reports nothing.
   */
  isLying: boolean;
};

type Naming =
  | { readonly kind: 'add'; readonly name: string; readonly node: Node }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string };

export type DirectoryNode = {
  readonly kind: 'directory';
  current: ReadonlyMap<string, Node>;
  durable: ReadonlyMap<string, Node>;
  changes: readonly Naming[];
};

export type Node = FileNode | DirectoryNode;

const empty: Image = { sizeBytes: 0, blocks: new Map() };

export function newFile(): FileNode {
  return {
    kind: 'file',
    current: empty,
    durable: empty,
    changes: [],
    reservedBytes: 0,
    failedIn: undefined,
    isLying: false,
  };
}

export function newDirectory(): DirectoryNode {
  return { kind: 'directory', current: new Map(), durable: new Map(), changes: [] };
}

// ---------------------------------------------------------------- files

/** The data is kept, not copied: no writer changes it afterwards. */
export function writeFile(file: FileNode, data: Uint8Array, offsetBytes: number): void {
  change(file, { kind: 'write', data, offsetBytes });
}

export function resizeFile(file: FileNode, sizeBytes: number): void {
  change(file, { kind: 'resize', sizeBytes });
}

function change(file: FileNode, one: Change): void {
  file.current = changed(file.current, one);
  file.changes = [...file.changes, one];
}

/** `covered`: the changes before the sync began; it makes no later change durable. */
export function syncFile(file: FileNode, covered: FileNode['changes'] = file.changes): void {
  const left = file.changes.filter((one) => !covered.includes(one));
  const isWhole = left.length === 0 && !file.isLying;
  const synced = file.changes.filter((one) => covered.includes(one));
  file.durable = isWhole ? file.current : synced.reduce(changed, file.durable);
  file.changes = left;
}

export function readFile(image: Image, offsetBytes: number, sizeBytes: number): Uint8Array {
  const endBytes = Math.min(offsetBytes + sizeBytes, image.sizeBytes);
  const data = Buffer.alloc(Math.max(0, endBytes - offsetBytes));
  for (let at = offsetBytes; at < endBytes; ) {
    const { block, from, to } = pieceAt(at, endBytes);
    const bytes = image.blocks.get(block);
    if (bytes !== undefined) data.set(bytes.subarray(from, to), at - offsetBytes);
    at += to - from;
  }
  return data;
}

function pieceAt(at: number, endBytes: number) {
  const block = Math.floor(at / blockBytes);
  const from = at - block * blockBytes;
  return { block, from, to: Math.min(blockBytes, from + endBytes - at) };
}

export function changed(image: Image, one: Change): Image {
  return one.kind === 'write'
    ? written(image, one.data, one.offsetBytes)
    : resized(image, one.sizeBytes);
}

export function written(image: Image, data: Uint8Array, offsetBytes: number): Image {
  const blocks = new Map(image.blocks);
  const endBytes = offsetBytes + data.length;
  for (let at = offsetBytes; at < endBytes; ) {
    const { block, from, to } = pieceAt(at, endBytes);
    const piece = data.subarray(at - offsetBytes, at - offsetBytes + to - from);
    const isWhole = piece.length === blockBytes;
    blocks.set(block, isWhole ? piece : patched(blocks.get(block), piece, from));
    at += to - from;
  }
  return { sizeBytes: Math.max(image.sizeBytes, endBytes), blocks };
}

function patched(block: Uint8Array | undefined, piece: Uint8Array, from: number): Uint8Array {
  const next = block === undefined ? new Uint8Array(blockBytes) : block.slice();
  next.set(piece, from);
  return next;
}

/** Bytes after the new end are removed, and are zero when the file grows again. */
export function resized(image: Image, sizeBytes: number): Image {
  if (sizeBytes >= image.sizeBytes) return { sizeBytes, blocks: image.blocks };
  const blocks = new Map([...image.blocks].filter(([block]) => block * blockBytes < sizeBytes));
  const last = Math.floor(sizeBytes / blockBytes);
  const bytes = blocks.get(last);
  if (bytes !== undefined) {
    const kept = new Uint8Array(blockBytes);
    kept.set(bytes.subarray(0, sizeBytes - last * blockBytes));
    blocks.set(last, kept);
  }
  return { sizeBytes, blocks };
}

// ---------------------------------------------------------------- directories

export function nameIn(directory: DirectoryNode, naming: Naming): void {
  directory.current = named(directory.current, naming);
  directory.changes = [...directory.changes, naming];
}

export function syncNames(
  directory: DirectoryNode,
  covered: DirectoryNode['changes'] = directory.changes,
): void {
  const synced = directory.changes.filter((one) => covered.includes(one));
  directory.durable = synced.reduce(named, directory.durable);
  directory.changes = directory.changes.filter((one) => !covered.includes(one));
}

export function named(names: ReadonlyMap<string, Node>, naming: Naming): ReadonlyMap<string, Node> {
  const next = new Map(names);
  if (naming.kind === 'add') next.set(naming.name, naming.node);
  if (naming.kind === 'remove') next.delete(naming.name);
  if (naming.kind === 'rename') {
    const node = next.get(naming.from);
    if (node === undefined) return names;
    next.delete(naming.from);
    next.set(naming.to, node);
  }
  return next;
}

/** Flips a bit in durable data; returns its place. */
export function flipBit(file: FileNode, prng: Prng): number {
  const at = prng.below(file.durable.sizeBytes);
  const block = Math.floor(at / blockBytes);
  const turned = patched(file.durable.blocks.get(block), new Uint8Array(0), 0);
  const byte = at - block * blockBytes;
  turned[byte] = (turned[byte] ?? 0) ^ (1 << prng.below(8));
  const blocks = new Map(file.durable.blocks).set(block, turned);
  file.durable = { sizeBytes: file.durable.sizeBytes, blocks };
  file.current = file.durable;
  return at;
}

export function allocatedBytes(node: Node): number {
  if (node.kind === 'file') return Math.max(node.current.sizeBytes, node.reservedBytes);
  let sum = 0;
  for (const inner of node.current.values()) sum += allocatedBytes(inner);
  return sum;
}
