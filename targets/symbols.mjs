// Takes the names out of the program that Node exports for add-ons. The agent loads no add-on.
//
// The names are in five sections, one after the other: hash table, symbols, their names, their
// versions, and what the libraries must have. Relocations refer to symbols by number.
import { Buffer } from 'node:buffer';
import { elfOf, putSections, readSections } from './elf.mjs';

const types = {
  hash: [5, 0x6ffffff6],
  symbols: [11],
  names: [3],
  versions: [0x6fffffff],
  needed: [0x6ffffffe],
};
const gnuHash = 0x6ffffff6;
const removed = { what: 'the symbols for add-ons', components: [] };
const dynamic = 6;
/** Types of the sections with relocations, and the length of an entry for each word size. */
const relocations = { 4: { 32: 12, 64: 24 }, 9: { 32: 8, 64: 16 } };
const layouts = {
  32: { word: 4, symbol: 16, section: 14, infoShift: 8 },
  64: { word: 8, symbol: 24, section: 6, infoShift: 32 },
};
/** Tags of the dynamic section: addresses of the tables, length of the names, and names. */
const tags = { hash: [4, 0x6ffffef5], symbols: [6], names: [5], versions: [0x6ffffff0] };
const namesLength = 10;
const naming = [1, 14, 15, 29];

/** From here on, the index of a version belongs to a library. */
const firstOfLibraries = 2;
/** Names of the C and C++ runtime, which a library may look up in the program. */
const ofRuntime = /^_(?!Z)|^_Z(?:[nd]|.*(?:S[abdiost]|9__gnu_cxx|10__cxxabiv1))/;
const ofNode = /2v8|4node|6icu_|6cppgc|3ada|simd|crypto|inspector/;

/**
 * Returns the program with these tables shortened, and the range of the file that is left over.
 * The program stays as it is if its sections are others, or in another order.
 */
export function trimSymbols(program) {
  const tables = tablesOf(program);
  if (tables === undefined) return { program, unused: [], removed: undefined };
  const copy = Buffer.from(program);
  const { class: bits } = elfOf(program);
  const old = readSymbols(program, bits, tables);
  const referenced = referencesOf(program, bits, tables);
  const isKept = ({ name, section, version, index }) =>
    index === 0 ||
    section === 0 ||
    version >= firstOfLibraries ||
    referenced.has(index) ||
    (ofRuntime.test(name) && !ofNode.test(name));
  const kept = old.filter(isKept);
  const { symbols, hash } =
    tables.hash.type === gnuHash
      ? gnuTable(program, bits, tables.hash, kept)
      : { symbols: kept, hash: sysvTable(kept) };
  const names = createNames();
  putNames(copy, bits, tables, names);
  const entries = symbols.map(({ header, name }) => {
    const entry = Buffer.from(header);
    entry.writeUInt32LE(names.add(name), 0);
    return entry;
  });
  const versions = Buffer.alloc(symbols.length * 2);
  for (const [at, { raw }] of symbols.entries()) versions.writeUInt16LE(raw, at * 2);
  const contents = { hash, symbols: Buffer.concat(entries), names: names.all(), versions };
  const { placed, end } = placeAll(copy, tables, contents);
  putDynamic(copy, bits, tables.dynamic, placed);
  renumber(copy, bits, tables, new Map(symbols.map(({ index }, at) => [index, at])));
  const unused = [{ from: end, to: tables.needed.offset }];
  const sections = tables.sections.map((one) => placed.get(one) ?? one);
  return { program: putSections(copy, sections), unused, removed };
}

/** Returns the sections if there is one of each type, in this order, with nothing in between. */
function tablesOf(program) {
  const sections = readSections(program);
  const first = sections.findIndex(({ type }) => types.hash.includes(type));
  const run = sections.slice(first, first + 5);
  const isKnown = Object.values(types).every((list, at) => list.includes(run[at]?.type));
  const others = sections.filter((one) => !run.includes(one) && one.type !== types.names[0]);
  const isDouble = others.some(({ type }) => Object.values(types).flat().includes(type));
  const found = sections.find(({ type }) => type === dynamic);
  if (first === -1 || !isKnown || isDouble || found === undefined) return undefined;
  const [hash, symbols, names, versions, needed] = run;
  return { sections, hash, symbols, names, versions, needed, dynamic: found };
}

function readSymbols(program, bits, { symbols, names, versions }) {
  const { symbol, section } = layouts[bits];
  return Array.from({ length: symbols.bytes / symbol }, (_, index) => {
    const from = symbols.offset + index * symbol;
    const header = program.subarray(from, from + symbol);
    const raw = program.readUInt16LE(versions.offset + index * 2);
    const name = textAt(program, names.offset + header.readUInt32LE(0));
    const at = header.readUInt16LE(section);
    return { index, header, name, section: at, raw, version: raw & 0x7fff };
  });
}

/** Calls `visit` for each relocation with the position of the field that has the symbol. */
function eachRelocation(bits, { sections }, visit) {
  for (const { type, offset, bytes } of sections) {
    const length = relocations[type]?.[bits];
    if (length === undefined) continue;
    for (let at = offset; at < offset + bytes; at += length) visit(at + layouts[bits].word);
  }
}

function referencesOf(program, bits, tables) {
  const found = new Set();
  eachRelocation(bits, tables, (at) => found.add(symbolAt(program, bits, at)));
  return found;
}

function renumber(program, bits, tables, numbers) {
  eachRelocation(bits, tables, (at) => {
    const number = numbers.get(symbolAt(program, bits, at));
    if (bits === 64) program.writeUInt32LE(number, at + 4);
    else program.writeUInt32LE(((number << 8) | program[at]) >>> 0, at);
  });
}

function symbolAt(program, bits, at) {
  return bits === 64 ? program.readUInt32LE(at + 4) : program.readUInt32LE(at) >>> 8;
}

/** Symbols before the first one of the table stay before it. The others are sorted by bucket. */
function gnuTable(program, bits, { offset }, kept) {
  const first = program.readUInt32LE(offset + 4);
  const before = kept.filter(({ index }) => index < first);
  const inTable = kept.filter(({ index }) => index >= first);
  const count = Math.max(1, Math.ceil(inTable.length / 4));
  const hashed = inTable
    .map((one) => ({ ...one, hash: gnuHashOf(one.name) }))
    .sort((a, b) => (a.hash % count) - (b.hash % count) || a.index - b.index);
  const { word } = layouts[bits];
  const filterWords = 2 ** Math.ceil(Math.log2(Math.max(1, (hashed.length * 12) / bits)));
  const shift = bits === 64 ? 6 : 5;
  const header = Buffer.alloc(16);
  for (const [at, value] of [count, before.length, filterWords, shift].entries())
    header.writeUInt32LE(value, at * 4);
  const filter = Buffer.alloc(filterWords * word);
  const buckets = Buffer.alloc(count * 4);
  const chains = Buffer.alloc(hashed.length * 4);
  for (const [at, { hash }] of hashed.entries()) {
    const from = (Math.floor(hash / bits) % filterWords) * word;
    for (const bit of [hash % bits, (hash >>> shift) % bits])
      filter[from + (bit >> 3)] |= 1 << (bit & 7);
    const bucket = hash % count;
    if (buckets.readUInt32LE(bucket * 4) === 0)
      buckets.writeUInt32LE(before.length + at, bucket * 4);
    const next = hashed[at + 1];
    const isLast = next === undefined || next.hash % count !== bucket;
    chains.writeUInt32LE(((hash & ~1) | (isLast ? 1 : 0)) >>> 0, at * 4);
  }
  return {
    symbols: [...before, ...hashed],
    hash: Buffer.concat([header, filter, buckets, chains]),
  };
}

function gnuHashOf(name) {
  let hash = 5_381;
  for (const byte of Buffer.from(name, 'latin1')) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}

function sysvTable(symbols) {
  const count = Math.max(1, Math.ceil(symbols.length / 2));
  const words = new Uint32Array(2 + count + symbols.length);
  words.set([count, symbols.length]);
  for (const [at, { name }] of symbols.entries()) {
    if (at === 0) continue;
    const bucket = 2 + (sysvHashOf(name) % count);
    words[2 + count + at] = words[bucket];
    words[bucket] = at;
  }
  const table = Buffer.alloc(words.length * 4);
  for (const [at, value] of words.entries()) table.writeUInt32LE(value, at * 4);
  return table;
}

function sysvHashOf(name) {
  let hash = 0;
  for (const byte of Buffer.from(name, 'latin1')) {
    hash = (hash << 4) + byte;
    const high = hash & 0xf0000000;
    hash = (hash ^ (high >>> 24)) & ~high;
  }
  return hash >>> 0;
}

/** A table of names; each name is in it once. */
function createNames() {
  const known = new Map([['', 0]]);
  const parts = ['\0'];
  let length = 1;
  return {
    add(name) {
      const found = known.get(name);
      if (found !== undefined) return found;
      const at = length;
      known.set(name, at);
      parts.push(`${name}\0`);
      length += name.length + 1;
      return at;
    },
    all: () => Buffer.from(parts.join(''), 'latin1'),
  };
}

/** Puts the new positions of names into the dynamic section and into the list of versions. */
function putNames(program, bits, { dynamic: section, needed, names: old }, names) {
  const move = (at) => {
    const name = textAt(program, old.offset + program.readUInt32LE(at));
    program.writeUInt32LE(names.add(name), at);
  };
  const { word } = layouts[bits];
  for (const at of dynamicEntries(program, section, word))
    if (naming.includes(program.readUInt32LE(at))) move(at + word);
  for (let at = needed.offset, next = 1; next !== 0; at += next) {
    next = program.readUInt32LE(at + 12);
    move(at + 4);
    for (let aux = at + program.readUInt32LE(at + 8), step = 1; step !== 0; aux += step) {
      step = program.readUInt32LE(aux + 12);
      move(aux + 8);
    }
  }
}

function dynamicEntries(program, { offset, bytes }, word) {
  const all = Array.from({ length: bytes / word / 2 }, (_, at) => offset + at * word * 2);
  return all.slice(
    0,
    all.findIndex((at) => program.readUInt32LE(at) === 0),
  );
}

/** Writes the tables one after the other, from where the first one was. */
function placeAll(program, tables, contents) {
  const placed = new Map();
  let end = tables.hash.offset;
  program.fill(0, end, tables.needed.offset);
  for (const [name, content] of Object.entries(contents)) {
    const section = tables[name];
    const offset = Math.ceil(end / 8) * 8;
    const address = section.address - section.offset + offset;
    placed.set(section, { ...section, offset, address, bytes: content.length });
    end = offset + content.length;
    if (end > tables.needed.offset) throw new Error(`the table "${section.name}" has no room`);
    content.copy(program, offset);
  }
  return { placed, end };
}

function putDynamic(program, bits, section, placed) {
  const { word } = layouts[bits];
  const values = new Map();
  for (const [{ type }, { address, bytes }] of placed) {
    const [name] = Object.entries(types).find(([, list]) => list.includes(type));
    for (const tag of tags[name]) values.set(tag, address);
    if (name === 'names') values.set(namesLength, bytes);
  }
  for (const at of dynamicEntries(program, section, word)) {
    const tag = program.readUInt32LE(at);
    if (values.has(tag)) program.writeUInt32LE(values.get(tag), at + word);
  }
}

function textAt(program, at) {
  return program.toString('latin1', at, program.indexOf(0, at));
}
