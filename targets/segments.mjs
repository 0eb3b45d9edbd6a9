// Cuts the bytes out of an executable that nothing reads. What follows them in the file moves down;
// all addresses stay. docs/internals/build.md has a picture.
import { Buffer } from 'node:buffer';
import { isLoaded, putSegmentTable, readSections } from './elf.mjs';
import { readSegments, sectionTypes, segmentTable, segmentTypes, withSections } from './elf.mjs';

/** The largest page of Linux on these CPUs: offset and address of a segment agree modulo this. */
const page = 65_536;
const readable = 4;
const writable = 2;
/** Room for the table of segments, which is longer than before. */
const tableBytes = 4_096;

/**
 * Returns the executable that postject made, without holes. `unused` are the ranges of the file
 * that nothing reads: `{ from, to }`, in order.
 *
 * Kernels before 5.18 and qemu-user compute the address of the table of segments from its offset
 * and from the first segment. Therefore the table is before all holes, at the distance from its
 * address that the first segment has, in the unused bytes; without such bytes it is at the end.
 */
export function cut(program, unused, version) {
  try {
    return cutFile(program, unused);
  } catch (error) {
    const hint = 'give NODE= another build of Node, or use the script: docs/integrate/node.md';
    throw new Error(`the layout of Node ${version} is unknown: ${error.message}: ${hint}`);
  }
}

function cutFile(program, unused) {
  const sections = readSections(program).map(named);
  const found = readSegments(program).map((one) => shortened(one, sections));
  const fileEnd = Math.max(...found.map(endOf));
  const { segments, roomAt, base, holes } =
    unused.length === 0 ? appended(fileEnd, found) : reused(found, unused);
  const bytes = segmentTable(program, segments).length;
  if (bytes > tableBytes) throw new Error(`${segments.length} segments do not fit`);
  const table = { offset: roomAt, address: roomAt + base, bytes };
  const moved = segments
    .map((one) => (one.type === segmentTypes.table ? segmentOf({ ...one, ...table }) : one))
    .map((one) => ({ ...one, offset: one.offset - holesBefore(holes, one.offset) }));
  checkOrder(moved.filter(isLoad));
  const file = Buffer.alloc(Math.max(fileEnd, roomAt + tableBytes));
  for (const one of found.filter(isLoad)) program.copy(file, one.offset, one.offset, endOf(one));
  for (const { from, to } of unused) file.fill(0, from, to);
  segmentTable(program, moved).copy(file, roomAt);
  putSegmentTable(file, roomAt, moved.length);
  const all = cutSections(sections, unused, holes);
  return withSections(
    without(file, holes),
    all.map((one) => ({ ...one, offset: one.offset - holesBefore(holes, one.offset) })),
  );
}

/** The library of postject does not store the name of the section that it adds. */
function named(section) {
  const isOwn = section.type === sectionTypes.note && section.name === '';
  return isOwn ? { ...section, name: '.note.NODE_SEA_BLOB' } : section;
}

/**
 * The library of postject extends a segment to the next one, for the table of segments, and rounds
 * up the segment that it adds. Here, each segment ends with its last section again.
 */
function shortened(segment, sections) {
  if (!isLoad(segment) || (segment.flags & writable) !== 0) return segment;
  const ends = sections
    .filter((one) => (one.flags & isLoaded) !== 0 && one.type !== sectionTypes.noBits)
    .filter((one) => one.offset >= segment.offset && endOf(one) <= endOf(segment))
    .map(endOf);
  const bytes = Math.max(...ends) - segment.offset;
  return bytes > 0 ? segmentOf({ ...segment, bytes }) : segment;
}

/** A segment that has the same length in memory. */
function segmentOf(fields) {
  return { flags: readable, ...fields, physical: fields.address, memory: fields.bytes };
}

/** A segment of its own for the table. Postject's one is after the memory of those of the Node. */
function appended(fileEnd, segments) {
  const base = baseOf(segments.filter(isLoad));
  const roomAt = aligned(fileEnd, page);
  const place = { offset: roomAt, address: roomAt + base, bytes: tableBytes, align: page };
  const own = segmentOf({ type: segmentTypes.load, ...place });
  // Loaders need these segments in the order of their addresses.
  const before = segments.findLastIndex((one) => isLoad(one) && one.address < own.address);
  const all = [...segments.slice(0, before + 1), own, ...segments.slice(before + 1)];
  return { segments: all, holes: [], roomAt, base };
}

function checkOrder(loads) {
  for (const [at, { address }] of loads.entries()) {
    const before = loads[at - 1];
    if (before !== undefined && before.address + before.memory > address)
      throw new Error(`the segment at ${address} is not after the one at ${before.address}`);
  }
}

/** Uses the first range for the table, and makes holes of the whole pages that remain. */
function reused(segments, unused) {
  const base = baseOf(segments.filter(isLoad));
  const [first] = unused;
  const roomAt = aligned(first.from, 8);
  const roomEnd = roomAt + tableBytes;
  const inside = unused.flatMap(({ from, to }, index) => {
    const segment = segments.find((one) => isLoad(one) && isIn(from, one) && isIn(to, one));
    if (segment === undefined) throw new Error('the unused bytes are not in one segment');
    if ((segment.flags & writable) !== 0) throw new Error('the unused bytes can be written');
    const distance = segment.address - segment.offset;
    if (index === 0 && distance !== base)
      throw new Error('the unused bytes are not at the distance of the first segment');
    const begin = index === 0 ? roomEnd : from;
    const end = Math.floor((to + distance) / page) * page - distance;
    const length = Math.floor((end - begin) / page) * page;
    return length > 0 ? [{ from: end - length, to: end }] : [];
  });
  if (roomEnd > first.to) throw new Error('the first unused bytes are too few');
  const between = gapsOf(segments).filter(({ from }) => from > roomEnd);
  const holes = [...inside, ...between].sort((a, b) => a.from - b.from);
  return { segments: segments.flatMap((one) => split(one, holes)), holes, roomAt, base };
}

/** Whole pages between two segments in the file. */
function gapsOf(segments) {
  const loads = segments.filter(isLoad);
  return loads.slice(1).flatMap(({ offset }, at) => {
    const length = Math.floor((offset - endOf(loads[at])) / page) * page;
    return length > 0 ? [{ from: offset - length, to: offset }] : [];
  });
}

function baseOf([first]) {
  if (first.offset !== 0) throw new Error('the first segment does not begin with the file');
  return first.address;
}

const isLoad = ({ type }) => type === segmentTypes.load;
const endOf = ({ offset, bytes }) => offset + bytes;
const isIn = (at, { offset, bytes }) => at >= offset && at <= offset + bytes;

/** Returns the parts of a segment between the holes. */
function split(segment, holes) {
  const { offset, bytes } = segment;
  const end = offset + bytes;
  const inside = holes.filter(({ from, to }) => from < end && to > offset);
  if (!isLoad(segment)) {
    // The table moves.
    const isKept = segment.type !== segmentTypes.table;
    if (isKept && inside.length > 0)
      throw new Error(`a segment of type ${segment.type} has unused bytes`);
    return [segment];
  }
  const starts = [offset, ...inside.map(({ to }) => to)];
  const stops = [...inside.map(({ from }) => from), end];
  const distance = segment.address - offset;
  return starts.map((start, at) => {
    const place = { offset: start, address: start + distance, bytes: stops[at] - start };
    // Holes are whole pages, so a larger alignment is not valid any more.
    const isMoved = holes.some(({ to }) => to <= start);
    const align = isMoved ? Math.min(segment.align, page) : segment.align;
    const part = segmentOf({ ...segment, ...place, align });
    return stops[at] === end ? { ...part, memory: segment.memory - (start - offset) } : part;
  });
}

/** Splits sections too. Further parts come last: sections refer to each other by number. */
function cutSections(sections, unused, holes) {
  const further = [];
  const first = sections.map((section) => {
    if (section.type === sectionTypes.noBits || section.bytes === 0) return section;
    const { offset, bytes, address } = section;
    const end = offset + bytes;
    const inside = holes.filter(({ from, to }) => from >= offset && to <= end);
    if (inside.length === 0) return section;
    const starts = [offset, ...inside.map(({ to }) => to)];
    // The first part does not contain the table.
    const stops = [...inside.map((hole) => rangeOf(hole, unused).from), end];
    const parts = starts.map((start, at) => ({
      ...section,
      offset: start,
      address: address + start - offset,
      bytes: stops[at] - start,
    }));
    further.push(...parts.slice(1));
    return parts[0];
  });
  return [...first, ...further];
}

function rangeOf(hole, unused) {
  return unused.find(({ from, to }) => hole.from >= from && hole.to <= to);
}

function holesBefore(holes, offset) {
  return holes.filter(({ to }) => to <= offset).reduce((sum, { from, to }) => sum + to - from, 0);
}

function without(file, holes) {
  const starts = [0, ...holes.map(({ to }) => to)];
  const stops = [...holes.map(({ from }) => from), file.length];
  return Buffer.concat(starts.map((start, at) => file.subarray(start, stops[at])));
}

function aligned(value, to) {
  return Math.ceil(value / to) * to;
}
