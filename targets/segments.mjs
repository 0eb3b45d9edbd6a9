// Puts the blob into the program, and cuts the bytes out of the file that nothing reads. What
// follows them in the file moves down; all addresses stay. docs/internals/build.md has a picture.
import { Buffer } from 'node:buffer';
import { emptySection, isLoaded, putSegmentTable, readSections } from './elf.mjs';
import { readSegments, sectionTypes, segmentTable, segmentTypes, withSections } from './elf.mjs';

/** The largest page of Linux on these CPUs: offset and address of a segment agree modulo this. */
const page = 65_536;
const readable = 4;
const writable = 2;
/** Room for the table of segments, which is longer than before. */
const tableBytes = 4_096;

/**
 * Returns the program with a note of that name and content. `unused` are the ranges of the file
 * that nothing reads: `{ from, to }`, in order.
 *
 * Kernels before 5.18 and qemu-user compute the address of the table of segments from its offset
 * and from the first segment. Therefore the table is before all holes, at the distance from its
 * address that the first segment has, in the unused bytes; without such bytes it is at the end.
 */
export function withNote(program, name, content, unused) {
  const note = noteOf(name, content);
  const segments = readSegments(program);
  const fileEnd = Math.max(...segments.map(({ offset, bytes }) => offset + bytes));
  const room = tableBytes + note.length;
  const made =
    unused.length === 0 ? appended(fileEnd, segments, room) : reused(segments, unused, room);
  const { roomAt, base, holes } = made;
  const noteAt = roomAt + tableBytes;
  const [tableOwn, noteOwn] = [roomAt, noteAt].map((at) => ({ offset: at, address: at + base }));
  const noteSegment = segmentOf({
    type: segmentTypes.note,
    ...noteOwn,
    bytes: note.length,
    align: 4,
  });
  const all = [...made.segments, noteSegment];
  const bytes = segmentTable(program, all).length;
  if (bytes > tableBytes) throw new Error(`${all.length} segments do not fit`);
  const isTable = ({ type }) => type === segmentTypes.table;
  const moved = all
    .map((one) => (isTable(one) ? segmentOf({ ...one, ...tableOwn, bytes }) : one))
    .map((one) => ({ ...one, offset: one.offset - holesBefore(holes, one.offset) }));
  const file = Buffer.alloc(Math.max(fileEnd, roomAt + room));
  program.copy(file, 0, 0, fileEnd);
  for (const { from, to } of unused) file.fill(0, from, to);
  segmentTable(program, moved).copy(file, roomAt);
  note.copy(file, noteAt);
  putSegmentTable(file, roomAt, moved.length);
  const noteSection = sectionOf(program, { name: `.note.${name}`, ...noteOwn, bytes: note.length });
  const sections = [...cutSections(readSections(program), unused, holes), noteSection];
  return withSections(
    without(file, holes),
    sections.map((one) => ({ ...one, offset: one.offset - holesBefore(holes, one.offset) })),
  );
}

/** A segment that can only be read, and has the same length in memory. */
function segmentOf(fields) {
  return { flags: readable, ...fields, physical: fields.address, memory: fields.bytes };
}

function sectionOf(program, fields) {
  return {
    ...emptySection(program),
    type: sectionTypes.note,
    flags: isLoaded,
    align: 4,
    ...fields,
  };
}

/** A segment of its own after all others: also in memory, so its offset is at least as large. */
function appended(fileEnd, segments, room) {
  const loads = segments.filter(isLoad);
  const base = baseOf(loads);
  const end = Math.max(...loads.map(({ address, memory }) => address + memory - base));
  const roomAt = aligned(Math.max(fileEnd, end), page);
  const place = { offset: roomAt, address: roomAt + base, bytes: room, align: page };
  const last = segments.indexOf(loads.at(-1));
  const own = segmentOf({ type: segmentTypes.load, ...place });
  const all = [...segments.slice(0, last + 1), own, ...segments.slice(last + 1)];
  return { segments: all, holes: [], roomAt, base };
}

/** Uses the first range for the room, and makes holes of the whole pages that remain. */
function reused(segments, unused, room) {
  const base = baseOf(segments.filter(isLoad));
  const [first] = unused;
  const roomAt = aligned(first.from, 8);
  const roomEnd = roomAt + room;
  const holes = unused.flatMap(({ from, to }, index) => {
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
  return { segments: segments.flatMap((one) => split(one, holes)), holes, roomAt, base };
}

function baseOf([first]) {
  if (first.offset !== 0) throw new Error('the first segment does not begin with the file');
  return first.address;
}

const isLoad = ({ type }) => type === segmentTypes.load;
const isIn = (at, { offset, bytes }) => at >= offset && at <= offset + bytes;

/** Returns the parts of a segment between the holes. */
function split(segment, holes) {
  const { offset, bytes } = segment;
  const end = offset + bytes;
  const inside = holes.filter(({ from, to }) => from < end && to > offset);
  if (!isLoad(segment)) {
    if (inside.length > 0) throw new Error(`a segment of type ${segment.type} has unused bytes`);
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
    // The first part does not contain the table and the note.
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

/** Length of name and content, type, name, content; each padded to 4 bytes. */
function noteOf(name, content) {
  const begin = Buffer.alloc(12 + aligned(name.length + 1, 4));
  begin.writeUInt32LE(name.length + 1, 0);
  begin.writeUInt32LE(content.length, 4);
  begin.write(name, 12, 'latin1');
  return Buffer.concat([begin, content, Buffer.alloc(-content.length & 3)]);
}

function aligned(value, to) {
  return Math.ceil(value / to) * to;
}
