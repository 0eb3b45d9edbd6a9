// Reads and writes ELF files, and removes their symbols before the agent goes in. The `strip` of a
// machine supports only its own CPU, and each version of it writes other bytes.
import { Buffer } from 'node:buffer';

/**
 * Positions of fields. A table is described by the positions of its start and its count in the
 * header of the file, and by the length of an entry.
 */
const layouts = {
  32: {
    ...{ sectionTable: [32, 48, 40], segmentTable: [28, 44, 32], namesIndex: 50 },
    segment: { type: 0, offset: 4, address: 8, physical: 12, bytes: 16, memory: 20, align: 28 },
    segmentFlags: 24,
    section: { flags: 8, address: 12, offset: 16, bytes: 20, align: 32 },
  },
  64: {
    ...{ sectionTable: [40, 60, 64], segmentTable: [32, 56, 56], namesIndex: 62 },
    segment: { type: 0, offset: 8, address: 16, physical: 24, bytes: 32, memory: 40, align: 48 },
    segmentFlags: 4,
    section: { flags: 8, address: 16, offset: 24, bytes: 32, align: 48 },
  },
};
export const segmentTypes = { load: 1, interpreter: 3, note: 4, table: 6 };
export const sectionTypes = { strings: 3, note: 7, noBits: 8 };
export const isLoaded = 2;

/** Returns CPU and word size; undefined if it is not a little-endian ELF file. */
export function elfOf(program) {
  if (program.length < 64 || program.toString('latin1', 0, 4) !== '\u007fELF') return undefined;
  if (program[5] !== 1 || (program[4] !== 1 && program[4] !== 2)) return undefined;
  return { class: program[4] * 32, machine: program.readUInt16LE(18) };
}

/** Returns the dynamic loader, which shows the C library; undefined if it is linked statically. */
export function loaderOf(program) {
  const header = readSegments(program).find(({ type }) => type === segmentTypes.interpreter);
  return header && textAt(program, header.offset);
}

/** Returns the program without what no segment contains, as `strip --strip-all` does. */
export function stripped(program) {
  const sections = readSections(program);
  const kept = sections.filter(({ flags }, at) => at === 0 || (flags & isLoaded) !== 0);
  // Sections refer to each other by number.
  if (!kept.every((section, at) => section === sections[at]))
    throw new Error('cannot strip: the loaded sections are not the first ones');
  const ends = readSegments(program).map(({ offset, bytes }) => offset + bytes);
  return withSections(program.subarray(0, Math.max(...ends)), kept);
}

export function readSegments(program) {
  const { class: bits } = elfOf(program);
  const { segment, segmentFlags, segmentTable } = layouts[bits];
  return entries(program, bits, segmentTable).map((header) => ({
    ...read(header, bits, segment),
    type: header.readUInt32LE(0),
    flags: header.readUInt32LE(segmentFlags),
  }));
}

/** Returns the table of segments. */
export function segmentTable(program, segments) {
  const { class: bits } = elfOf(program);
  const layout = layouts[bits];
  const table = segments.map((one) => {
    const header = Buffer.alloc(layout.segmentTable[2]);
    for (const [name, at] of Object.entries(layout.segment)) putWord(header, bits, at, one[name]);
    // In a file of 64 bits, the flags are the upper half of the first word.
    header.writeUInt32LE(one.type, 0);
    header.writeUInt32LE(one.flags, layout.segmentFlags);
    return header;
  });
  return Buffer.concat(table);
}

/** Writes into the header of the file where the table of segments is. */
export function putSegmentTable(program, offset, count) {
  const { class: bits } = elfOf(program);
  const [startAt, countAt] = layouts[bits].segmentTable;
  putWord(program, bits, startAt, offset);
  program.writeUInt16LE(count, countAt);
}

/** Returns the sections. `header` has the fields that nothing here changes. */
export function readSections(program) {
  const { class: bits } = elfOf(program);
  const { section, sectionTable, namesIndex } = layouts[bits];
  const table = entries(program, bits, sectionTable);
  const namesAt = read(table[program.readUInt16LE(namesIndex)], bits, section).offset;
  return table.map((header) => ({
    ...read(header, bits, section),
    name: textAt(program, namesAt + header.readUInt32LE(0)),
    type: header.readUInt32LE(4),
    header,
  }));
}

/** Returns the program with these sections instead of its own ones. */
export function putSections(program, sections) {
  const ends = readSegments(program).map(({ offset, bytes }) => offset + bytes);
  return withSections(program.subarray(0, Math.max(...ends)), sections);
}

/** Returns the file: the body, the names of these sections, and their table. */
export function withSections(body, sections) {
  const { class: bits } = elfOf(body);
  const { section, sectionTable, namesIndex } = layouts[bits];
  const header = Buffer.alloc(sectionTable[2]);
  const own = { header, name: '.shstrtab', type: sectionTypes.strings };
  const others = sections.filter(({ name }) => name !== own.name);
  const all = [...others, { ...own, flags: 0, address: 0, offset: body.length, align: 0 }];
  const names = Buffer.from(`\0${all.map(({ name }) => name && `${name}\0`).join('')}`, 'latin1');
  let nameAt = 1;
  const headers = all.map((one) => {
    const header = Buffer.from(one.header);
    const bytes = one.bytes ?? names.length;
    for (const [field, at] of Object.entries(section))
      putWord(header, bits, at, { ...one, bytes }[field]);
    header.writeUInt32LE(one.name === '' ? 0 : nameAt, 0);
    header.writeUInt32LE(one.type, 4);
    if (one.name !== '') nameAt += one.name.length + 1;
    return header;
  });
  const gap = Buffer.alloc(-(body.length + names.length) & 7);
  const file = Buffer.concat([body, names, gap, ...headers]);
  putWord(file, bits, sectionTable[0], body.length + names.length + gap.length);
  file.writeUInt16LE(all.length, sectionTable[1]);
  file.writeUInt16LE(all.length - 1, namesIndex);
  return file;
}

/** The headers of the sections or of the segments. */
function entries(program, bits, [startAt, countAt, length]) {
  const start = wordAt(program, bits, startAt);
  return Array.from({ length: program.readUInt16LE(countAt) }, (_, at) =>
    program.subarray(start + at * length, start + (at + 1) * length),
  );
}

function read(header, bits, fields) {
  const found = Object.entries(fields).map(([name, at]) => [name, wordAt(header, bits, at)]);
  return Object.fromEntries(found);
}

function textAt(program, at) {
  return program.toString('latin1', at, program.indexOf(0, at));
}

function wordAt(buffer, bits, at) {
  return bits === 64 ? Number(buffer.readBigUInt64LE(at)) : buffer.readUInt32LE(at);
}

function putWord(buffer, bits, at, value) {
  if (bits === 64) buffer.writeBigUInt64LE(BigInt(value), at);
  else buffer.writeUInt32LE(value, at);
}
