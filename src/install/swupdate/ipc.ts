// The control socket of a SWUpdate daemon, byte by byte: fixed-size messages of 2020.11 to 2026.05,
// little-endian. The daemon reads once: a message must be one write, and one that is too short is
// closed upon without a word.
const magic = 0x1405_2001;

export const messageTypes = {
  install: 0,
  ack: 1,
  nack: 2,
  status: 3,
  setState: 7,
  getState: 8,
} as const;

/** What differs between word sizes and releases. The text of NACK and states is at 8 in all. */
export type Shape = {
  readonly sizeBytes: number;
  readonly lengthOffset: number;
  readonly infoOffset: number;
};

const wide = { lengthOffset: 24, infoOffset: 32 } as const;
const narrow = { lengthOffset: 20, infoOffset: 24 } as const;

/** 64 and 32 bit since 2021.11, then those of 2020.11. */
export const shapes: readonly Shape[] = [
  { sizeBytes: 3120, ...wide },
  { sizeBytes: 3104, ...narrow },
  { sizeBytes: 3112, ...wide },
  { sizeBytes: 3100, ...narrow },
];

const infoBytesMax = 512;
const apiVersion = 1;
const sourceLocal = 4;

/** The states that SWUpdate keeps in `ustate`: a digit, also in the boot environment. */
export const stateNames: ReadonlyMap<string, string> = new Map([
  ['0', 'OK'],
  ['1', 'INSTALLED'],
  ['2', 'TESTING'],
  ['3', 'FAILED'],
  ['4', 'NOT_AVAILABLE'],
  ['5', 'ERROR'],
  ['6', 'WAIT'],
  ['7', 'IN_PROGRESS'],
]);

/** Of a daemon's status and of its progress messages. */
export const statusIdle = 0;
export const statusSuccess = 3;
export const statusFailure = 4;

export function encodeRequest(shape: Shape, type: number): Buffer {
  const data = Buffer.alloc(shape.sizeBytes);
  data.writeInt32LE(magic, 0);
  data.writeInt32LE(type, 4);
  return data;
}

/** Software set, mode and dry run are left to the daemon's own configuration. */
export function encodeInstall(shape: Shape, info: string): Buffer {
  const data = encodeRequest(shape, messageTypes.install);
  data.writeInt32LE(apiVersion, 8);
  data.writeInt32LE(sourceLocal, 12);
  const lengthBytes = data.write(info, shape.infoOffset, infoBytesMax - 1, 'latin1');
  data.writeUInt32LE(lengthBytes, shape.lengthOffset);
  return data;
}

export function encodeSetState(shape: Shape, state: string): Buffer {
  const data = encodeRequest(shape, messageTypes.setState);
  data.write(state, 8, 1, 'latin1');
  return data;
}

export type Answer =
  | { readonly kind: 'ack'; readonly data: Buffer }
  | { readonly kind: 'nack'; readonly reason: string };

/** Undefined: that is no answer of SWUpdate's. */
export function decodeAnswer(data: Buffer): Answer | undefined {
  if (data.length < shortestBytes || data.readUInt32LE(0) !== magic) return undefined;
  const type = data.readInt32LE(4);
  if (type === messageTypes.ack) return { kind: 'ack', data };
  return type === messageTypes.nack ? { kind: 'nack', reason: textAt(data, 8, 128) } : undefined;
}

const shortestBytes = 2072;

export type DaemonStatus = {
  readonly current: number;
  readonly lastResult: number;
  /** A line of the daemon's log: each is given once, to whoever asks first. */
  readonly line: string;
};

/**
 * Beside a line `current` is the status of then; only without one it is that of now (measured,
 * 2022.12).
 */
export function decodeStatus(data: Buffer): DaemonStatus {
  const [current, lastResult] = [data.readInt32LE(8), data.readInt32LE(12)];
  return { current, lastResult, line: textAt(data, 20, 2_048) };
}

export function decodeState(data: Buffer): string {
  return data.toString('latin1', 8, 9);
}

/** What a C program keeps in a fixed field. */
export function textAt(data: Buffer, offset: number, sizeBytes: number): string {
  const field = data.subarray(offset, offset + sizeBytes);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end).trim();
}
