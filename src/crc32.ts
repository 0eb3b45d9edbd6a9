// CRC-32 (IEEE 802.3), with tables, four bytes a step. For large data the function of zlib is
// faster. Node has it since 20.15; the armv7l builds use an older Node.
import * as zlib from 'node:zlib';

/** Up to this size the tables are as fast, and an idle agent does not load zlib. */
const tableBytesMax = 4_096;

const byTable = crc32ByTable(makeTables());

export function crc32(data: Uint8Array): number {
  return (data.length > tableBytesMax ? zlib.crc32?.(data) : undefined) ?? byTable(data);
}

export function makeTables(): readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    first[byte] = crc;
  }
  const next = (before: Uint32Array) => before.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] ?? 0));
  const second = next(first);
  const third = next(second);
  return [first, second, third, next(third)];
}

export function crc32ByTable([t0, t1, t2, t3]: ReturnType<typeof makeTables>) {
  const at = (table: Uint32Array, index: number) => table[index & 0xff] ?? 0;
  return (data: Uint8Array): number => {
    let crc = ~0;
    let i = 0;
    for (const end = data.length - 3; i < end; i += 4) {
      crc ^=
        (data[i] ?? 0) |
        ((data[i + 1] ?? 0) << 8) |
        ((data[i + 2] ?? 0) << 16) |
        ((data[i + 3] ?? 0) << 24);
      crc = at(t3, crc) ^ at(t2, crc >>> 8) ^ at(t1, crc >>> 16) ^ at(t0, crc >>> 24);
    }
    for (; i < data.length; i++) crc = (crc >>> 8) ^ at(t0, crc ^ (data[i] ?? 0));
    return ~crc >>> 0;
  };
}
