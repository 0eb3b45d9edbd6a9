// WebSocket frames that no library writes: invalid frames of a hostile node after a valid
// handshake, and invalid handshakes.
import { bodyOf, millionNotify } from './bodies.ts';
import type { Prng } from '../../support/prng.ts';

type Shape = {
  readonly opcode: number;
  readonly isLast?: boolean;
  /** RSV1 to RSV3. */
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** A length that differs from the real one. */
  readonly announced?: bigint;
};

export const opcodes = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export function frameOf(payload: Buffer, shape: Shape): Buffer {
  const { opcode, isLast = true, reserved = 0, isMasked = false } = shape;
  const size = shape.announced ?? BigInt(payload.length);
  const first = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = isMasked ? 0x80 : 0;
  const head =
    size < 126n
      ? Buffer.of(first, mask | Number(size))
      : size < 65_536n
        ? Buffer.of(first, mask | 126, Number(size >> 8n), Number(size & 255n))
        : Buffer.concat([Buffer.of(first, mask | 127), wide(size)]);
  return Buffer.concat([head, isMasked ? Buffer.alloc(4) : Buffer.of(), payload]);
}

function wide(size: bigint): Buffer {
  const data = Buffer.alloc(8);
  data.writeBigUInt64BE(size);
  return data;
}

const { more, text, binary, close, ping, pong } = opcodes;
const textOf = (data: Buffer) => frameOf(data, { opcode: text });

/** The library ends a connection with more pings that wait for their pongs: 60 in one read. */
const pingsMost = 40;

export const halfFrame = textOf(Buffer.alloc(1_000, 'a')).subarray(0, 500);

type Burst = { readonly name: string; readonly data: Buffer; readonly inputs: number };

/** The connection survives all of them. */
export function drawHarmless(prng: Prng): Burst {
  const roll = prng.below(10);
  if (roll < 6) {
    const bodies = Array.from({ length: 1 + prng.below(60) }, () => utf8(bodyOf(prng)));
    const data = Buffer.concat(bodies.map(textOf));
    return { name: 'frames', data, inputs: bodies.length };
  }
  if (roll < 8) {
    return { name: 'fragments', data: fragments(prng, utf8(bodyOf(prng))), inputs: 1 };
  }
  const opcode = prng.chance(0.8) ? ping : pong;
  const count = prng.pick([1, 10, pingsMost]);
  const flood = Array.from({ length: count }, () => frameOf(Buffer.alloc(125), { opcode }));
  return { name: opcode === ping ? 'pings' : 'pongs', data: Buffer.concat(flood), inputs: count };
}

/** A text must be UTF-8 and at most as long as a message may be; otherwise the connection ends. */
const utf8 = (data: Buffer) => Buffer.from(data.toString()).subarray(0, 262_144);

function fragments(prng: Prng, data: Buffer): Buffer {
  const stepBytes = Math.max(prng.pick([1, 100, 4_000]), Math.ceil(data.length / 900));
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < data.length; at += stepBytes) {
    const isLast = at + stepBytes >= data.length;
    const opcode = at === 0 ? text : more;
    parts.push(frameOf(data.subarray(at, at + stepBytes), { opcode, isLast }));
    if (at >= 20 * stepBytes || prng.chance(0.7)) continue;
    parts.push(frameOf(Buffer.of(1), { opcode: ping }));
  }
  return Buffer.concat(parts);
}

const short = Buffer.from('{}');
const codes = [0, 999, 1000, 1001, 1005, 1006, 1011, 1015, 2999, 4999, 65_535] as const;
const codeOf = (code: number) => Buffer.of(code >> 8, code & 255);

/** Each ends the connection and nothing else; `end` is what the node does after it. */
export const fatal: readonly (readonly [
  name: string,
  draw: (prng: Prng) => Buffer,
  end?: 'fin' | 'reset',
])[] = [
  ['close', (prng) => frameOf(codeOf(prng.pick(codes)), { opcode: close })],
  ['close of one byte', () => frameOf(Buffer.of(3), { opcode: close })],
  ['close without a word', () => frameOf(Buffer.of(), { opcode: close })],
  ['close with half a letter', () => frameOf(Buffer.of(3, 232, 0xc3), { opcode: close })],
  ['binary', () => frameOf(short, { opcode: binary })],
  ['compressed', () => frameOf(short, { opcode: text, reserved: 4 })],
  ['reserved bits', (prng) => frameOf(short, { opcode: text, reserved: 1 + prng.below(3) })],
  ['reserved opcode', (prng) => frameOf(short, { opcode: prng.pick([3, 7, 11, 15]) })],
  ['masked', () => frameOf(short, { opcode: text, isMasked: true })],
  ['no UTF-8', () => frameOf(Buffer.of(0xff, 0xfe), { opcode: text })],
  ['continuation of nothing', () => frameOf(short, { opcode: more })],
  ['text in a text', () => Buffer.concat([open(), frameOf(short, { opcode: text })])],
  ['long ping', () => frameOf(Buffer.alloc(126), { opcode: ping })],
  ['ping in parts', () => frameOf(short, { opcode: ping, isLast: false })],
  ['a byte too long', () => frameOf(Buffer.alloc(262_145, 'a'), { opcode: text })],
  ['parts too long', () => Buffer.concat([open(200_000), rest(200_000)])],
  ['2^63 bytes', () => frameOf(short, { opcode: text, announced: 2n ** 63n })],
  ['2^31 bytes', () => frameOf(short, { opcode: text, announced: 2n ** 31n })],
  ['10^6 packages', () => textOf(millionNotify())],
  ['a flood of pings', () => Buffer.concat(Array.from({ length: 50_000 }, () => ping125))],
  ['too many parts', () => many()],
  ['garbage', (prng) => Buffer.from(Array.from({ length: 2_000 }, () => prng.below(256)))],
  ['cut off in a frame', () => halfFrame, 'fin'],
  ['reset in a frame', () => halfFrame, 'reset'],
];

const open = (size = 10) => frameOf(Buffer.alloc(size, 'a'), { opcode: text, isLast: false });
const ping125 = frameOf(Buffer.alloc(125), { opcode: ping });
const many = () => Buffer.concat([open(), ...Array.from({ length: 2_000 }, () => rest(1))]);
const rest = (size: number) => frameOf(Buffer.alloc(size, 'a'), { opcode: more, isLast: false });

/** Sent in place of the handshake response; then the connection stays open and idle. */
export const handshakes: readonly (readonly [name: string, answer: string])[] = [
  ['another status', 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'],
  ['redirected', 'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n'],
  ['a wrong key', upgrade('Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n')],
  ['no key', upgrade('')],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['a huge head', upgrade(`X: ${'y'.repeat(1_000_000)}\r\n`)],
  ['half a head', 'HTTP/1.1 101 Switching Pro'],
];

function upgrade(more: string): string {
  const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade';
  return `${head}\r\n${more}\r\n`;
}
