// What kernels and loaders need of an executable: where the table of segments is, and that segments
// and sections are in order.
import { createHash } from 'node:crypto';
import { tools } from './trimmed.ts';
import type { Segment } from './trimmed.ts';

export const [load, note, table] = [1, 4, 6] as const;
const noBits = 8;
/** The largest page of Linux on ARM. */
export const page = 65_536;

export function tableAt(program: Buffer): number {
  return program[4] === 2 ? Number(program.readBigUInt64LE(32)) : program.readUInt32LE(28);
}

export const loadsOf = (segments: readonly Segment[]) =>
  segments.filter(({ type }) => type === load);
const isIn = (address: number, bytes: number, one: Segment) =>
  address >= one.address && address + bytes <= one.address + one.bytes;

/** What is wrong with the address of the table, as a kernel computes it. */
export function complaints(program: Buffer): readonly string[] {
  const segments = tools.readSegments(program);
  const [first] = loadsOf(segments);
  const own = segments.find(({ type }) => type === table);
  if (first === undefined || own === undefined) return ['no segment'];
  const offset = tableAt(program);
  // Kernels before 5.18 and qemu-user.
  const old = first.address - first.offset + offset;
  // Later kernels: from the segment with the table.
  const home = loadsOf(segments).find((one) => isIn(own.address, own.bytes, one));
  const recent = home && home.address - home.offset + offset;
  return [
    ...(own.offset === offset ? [] : ['the table is not where the header says']),
    ...(old === own.address ? [] : ['old kernels find another address']),
    ...(recent === own.address ? [] : ['kernels find another address']),
    ...(own.address % 8 === 0 ? [] : ['the table is not aligned']),
  ];
}

/** What is wrong with the segments, and with the sections in them. */
export function disorder(program: Buffer): readonly string[] {
  const found: string[] = [];
  const segments = tools.readSegments(program);
  const loads = loadsOf(segments);
  // Kernels of ARM may have pages of 64 KiB.
  const least = program.readUInt16LE(18) === 62 ? 4_096 : page;
  for (const [at, one] of loads.entries()) {
    const before = loads[at - 1];
    const name = `the segment at ${one.address}`;
    const isApart = before === undefined || before.address + before.memory <= one.address;
    if (!isApart) found.push(`${name} overlaps`);
    const isApartInFile = (other: Segment) =>
      other === one ||
      other.offset + other.bytes <= one.offset ||
      other.offset >= one.offset + one.bytes;
    if (!loads.every(isApartInFile)) found.push(`${name} is not apart in the file`);
    if (one.offset + one.bytes > program.length) found.push(`${name} is not in the file`);
    if ((one.address - one.offset) % least !== 0) found.push(`${name} is not at its page`);
  }
  const isHome = (one: Place) => (home: Segment) =>
    isIn(one.address, one.bytes, home) && one.address - one.offset === home.address - home.offset;
  for (const one of segments)
    if (one.type !== load && one.bytes > 0 && !loads.some(isHome(one)))
      found.push(`a segment of type ${one.type} is in no segment`);
  const sections = tools.readSections(program);
  for (const one of sections)
    if ((one.flags & 2) !== 0 && one.type !== noBits && !loads.some(isHome(one)))
      found.push(`${one.name} is in no segment`);
  const names = sections.slice(1).map(({ name }) => name);
  const isTwice = (name: string, at: number) => name !== '.rodata' && names.indexOf(name) !== at;
  for (const name of names.filter(isTwice)) found.push(`"${name}" is there twice`);
  if (names.includes('')) found.push('a section has no name');
  return found;
}

type Place = { readonly offset: number; readonly address: number; readonly bytes: number };
type Note = { readonly name: string; readonly type: number; readonly hash: string };

export function notesOf(program: Buffer): readonly Note[] {
  const found: Note[] = [];
  for (const { type, offset, bytes } of tools.readSegments(program)) {
    if (type !== note) continue;
    const padded = (length: number) => Math.ceil(length / 4) * 4;
    for (let at = offset; at < offset + bytes; ) {
      const [nameBytes, contentBytes] = [program.readUInt32LE(at), program.readUInt32LE(at + 4)];
      const contentAt = at + 12 + padded(nameBytes);
      const content = program.subarray(contentAt, contentAt + contentBytes);
      found.push({
        name: program.toString('latin1', at + 12, at + 12 + nameBytes),
        type: program.readUInt32LE(at + 8),
        hash: createHash('sha256').update(content).digest('hex'),
      });
      at = contentAt + padded(contentBytes);
    }
  }
  return found;
}
