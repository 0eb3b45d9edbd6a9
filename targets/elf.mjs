// Reads ELF files, and removes their symbols before the agent goes in. The `strip` of a machine
// supports only its own CPU, and each version of it writes other bytes.
import { Buffer } from 'node:buffer';

// Positions in the header of the start of a table and of its length, and the length of an entry.
const layouts = {
  32: { sections: [32, 48, 40], segments: [28, 44, 32], offset: 16, bytes: 20, filled: [4, 16] },
  64: { sections: [40, 60, 64], segments: [32, 56, 56], offset: 24, bytes: 32, filled: [8, 32] },
};
const namesIndexAt = { 32: 50, 64: 62 };
const flagsAt = 8;
const isLoaded = 2;
const strtab = 3;
const interpreter = 3;

/** Returns CPU and word size; undefined if it is not a little-endian ELF file. */
export function elfOf(program) {
  if (program.length < 64 || program.toString('latin1', 0, 4) !== '\u007fELF') return undefined;
  if (program[5] !== 1 || (program[4] !== 1 && program[4] !== 2)) return undefined;
  return { class: program[4] * 32, machine: program.readUInt16LE(18) };
}

/** Returns the dynamic loader, which shows the C library; undefined if it is linked statically. */
export function loaderOf(program) {
  const { class: bits } = elfOf(program);
  const { segments, filled } = layouts[bits];
  const all = entries(program, bits, segments);
  const header = all.find((one) => one.readUInt32LE(0) === interpreter);
  return header && textAt(program, wordAt(header, bits, filled[0]));
}

/** Returns the program without what no segment contains, as `strip --strip-all` does. */
export function stripped(program) {
  const { class: bits } = elfOf(program);
  const layout = layouts[bits];
  const table = entries(program, bits, layout.sections);
  const namesAt = wordAt(table[program.readUInt16LE(namesIndexAt[bits])], bits, layout.offset);
  const isKept = (header, at) => at === 0 || (wordAt(header, bits, flagsAt) & isLoaded) !== 0;
  const kept = table.filter(isKept);
  // Sections refer to each other by number.
  if (!kept.every((header, at) => header === table[at]))
    throw new Error('cannot strip: the loaded sections are not the first ones');
  const [from, length] = layout.filled;
  const ends = entries(program, bits, layout.segments).map(
    (header) => wordAt(header, bits, from) + wordAt(header, bits, length),
  );
  const body = program.subarray(0, Math.max(...ends));
  let names = '\0';
  const add = (header, name) => {
    const copy = Buffer.from(header);
    copy.writeUInt32LE(name === '' ? 0 : names.length, 0);
    if (name !== '') names += `${name}\0`;
    return copy;
  };
  const nameOf = (header) => textAt(program, namesAt + header.readUInt32LE(0));
  const headers = kept.map((header) => add(header, nameOf(header)));
  const own = add(Buffer.alloc(layout.sections[2]), '.shstrtab');
  own.writeUInt32LE(strtab, 4);
  putWord(own, bits, layout.offset, body.length);
  putWord(own, bits, layout.bytes, names.length);
  const gap = Buffer.alloc(-(body.length + names.length) & 7);
  const file = Buffer.concat([body, Buffer.from(names, 'latin1'), gap, ...headers, own]);
  putWord(file, bits, layout.sections[0], body.length + names.length + gap.length);
  file.writeUInt16LE(kept.length + 1, layout.sections[1]);
  file.writeUInt16LE(kept.length, namesIndexAt[bits]);
  return file;
}

/** The headers of the sections or of the segments. */
function entries(program, bits, [startAt, countAt, length]) {
  const start = wordAt(program, bits, startAt);
  return Array.from({ length: program.readUInt16LE(countAt) }, (_, at) =>
    program.subarray(start + at * length, start + (at + 1) * length),
  );
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
