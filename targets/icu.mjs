// Takes the ICU data out of a Node: time zones, collation, names of languages and other tables that
// the agent does not use. ICU does not start without any data, so a package with one item is left.
//
// A package is a header, a table of contents, and the items. docs/internals/build.md shows it.
import { Buffer } from 'node:buffer';

/** After the length of the header: magic number, little endian, characters of 2 bytes, "CmnD". */
const begin = Buffer.from('da271400000000000200436d6e44', 'hex');
const itemBegin = Buffer.from('da27', 'hex');
/** When ICU starts, it counts its converters. Their names are in this item. */
const needed = 'cnvalias.icu';
const headerBytesMax = 1_024;
const align = 16;
const removed = { what: 'the ICU data', components: ['cldr', 'tz'] };

/**
 * Returns the program with the small package in place of the data, and the ranges of bytes in the
 * file that nothing reads. Without ICU data, the program stays as it is, and there is no range.
 */
export function trimIcu(program, version) {
  const at = program.indexOf(begin) - 2;
  if (at < 0) return { program, unused: [], removed: undefined };
  try {
    const { items, length } = readPackage(program, at);
    const small = smallPackage(program, at, items);
    const copy = Buffer.from(program);
    copy.fill(0, at, at + length);
    small.copy(copy, at);
    return { program: copy, unused: [{ from: at + small.length, to: at + length }], removed };
  } catch (error) {
    const hint = 'give NODE= a Node built with --without-intl';
    throw new Error(`cannot remove the ICU data of Node ${version}: ${error.message}: ${hint}`);
  }
}

/**
 * Returns the items, and the length up to the last one. The table of contents does not have the
 * length of the last item, so that item is no part of the result.
 */
function readPackage(program, at) {
  const check = (isRight, what) => {
    if (!isRight) throw new Error(`${what}, so the format is unknown`);
  };
  check(program.indexOf(begin, at + 3) === -1, 'there are two packages');
  const headerBytes = program.readUInt16LE(at);
  check(headerBytes % align === 0 && headerBytes <= headerBytesMax, `a header of ${headerBytes}`);
  const toc = at + headerBytes;
  const count = program.readUInt32LE(toc);
  check(count > 1 && toc + 4 + count * 8 < program.length, `a table of ${count} items`);
  const items = Array.from({ length: count }, (_, index) => {
    const entry = toc + 4 + index * 8;
    const [nameAt, dataAt] = [toc + program.readUInt32LE(entry), program.readUInt32LE(entry + 4)];
    const name = program.toString('latin1', nameAt, program.indexOf(0, nameAt));
    return { name, from: toc + dataAt };
  });
  for (const [index, { name, from }] of items.entries()) {
    const last = items[index - 1] ?? { name: '', from: toc + 4 + count * 8 };
    check(/^icudt\d+l\/[\w/.-]+$/.test(name) && name > last.name, `item ${index} is "${name}"`);
    const isHere = from > last.from && (from - toc) % align === 0 && from < program.length;
    check(isHere && program.indexOf(itemBegin, from) === from + 2, `"${name}" is at ${from}`);
  }
  return { items, length: items.at(-1).from - at };
}

function smallPackage(program, at, items) {
  const index = items.findIndex(({ name }) => name.endsWith(`/${needed}`));
  if (index === -1 || index === items.length - 1) throw new Error(`no usable ${needed}`);
  const { name, from } = items[index];
  const header = program.subarray(at, at + program.readUInt16LE(at));
  const nameAt = 4 + 8;
  const dataAt = aligned(nameAt + name.length + 1);
  const toc = Buffer.alloc(dataAt);
  toc.writeUInt32LE(1, 0);
  toc.writeUInt32LE(nameAt, 4);
  toc.writeUInt32LE(dataAt, 8);
  toc.write(name, nameAt, 'latin1');
  return Buffer.concat([header, toc, program.subarray(from, items[index + 1].from)]);
}

function aligned(value) {
  return Math.ceil(value / align) * align;
}
