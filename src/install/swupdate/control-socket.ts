// The control socket of a SWUpdate daemon: fixed-size messages of the releases 2020.11 to 2026.05,
// little-endian (installers 1.5). The daemon reads once, so a message is one write; if it is too
// short, the daemon closes the connection without an answer. Each request has its own connection.
import { terminatedText } from '../byte-stream.ts';
import { isTransientCode } from '../program.ts';
import { sleep } from '../waiting.ts';
import { connect } from './connection.ts';
import type { SocketPorts } from './connection.ts';

const magic = 0x1405_2001;

export const messageTypes = {
  install: 0,
  ack: 1,
  nack: 2,
  status: 3,
  setState: 7,
  getState: 8,
} as const;

/** What differs between word sizes and releases. The text of NACK and the state are at 8 in all. */
export type MessageLayout = {
  readonly sizeBytes: number;
  readonly lengthOffset: number;
  readonly infoOffset: number;
};

const wide = { lengthOffset: 24, infoOffset: 32 } as const;
const narrow = { lengthOffset: 20, infoOffset: 24 } as const;

/** 64 and 32 bit since 2021.11, then those of 2020.11. */
export const messageLayouts: readonly MessageLayout[] = [
  { sizeBytes: 3120, ...wide },
  { sizeBytes: 3104, ...narrow },
  { sizeBytes: 3112, ...wide },
  { sizeBytes: 3100, ...narrow },
];

const infoBytesMax = 512;
const apiVersion = 1;
const sourceLocal = 4;

/** In the status of a daemon and in its progress messages. */
export const statusIdle = 0;
export const statusSuccess = 3;
export const statusFailure = 4;

export function encodeRequest(layout: MessageLayout, type: number): Buffer {
  const data = Buffer.alloc(layout.sizeBytes);
  data.writeInt32LE(magic, 0);
  data.writeInt32LE(type, 4);
  return data;
}

/** The configuration of the daemon decides the software set, the mode and a dry run. */
export function encodeInstall(layout: MessageLayout, info: string): Buffer {
  const data = encodeRequest(layout, messageTypes.install);
  data.writeInt32LE(apiVersion, 8);
  data.writeInt32LE(sourceLocal, 12);
  const lengthBytes = data.write(info, layout.infoOffset, infoBytesMax - 1, 'latin1');
  data.writeUInt32LE(lengthBytes, layout.lengthOffset);
  return data;
}

export function encodeSetState(layout: MessageLayout, state: string): Buffer {
  const data = encodeRequest(layout, messageTypes.setState);
  data.write(state, 8, 1, 'latin1');
  return data;
}

export type Answer =
  | { readonly kind: 'ack'; readonly data: Buffer }
  | { readonly kind: 'nack'; readonly reason: string };

const shortestBytes = 2072;

/** Undefined: not an answer of SWUpdate. */
export function decodeAnswer(data: Buffer): Answer | undefined {
  if (data.length < shortestBytes || data.readUInt32LE(0) !== magic) return undefined;
  const type = data.readInt32LE(4);
  if (type === messageTypes.ack) return { kind: 'ack', data };
  if (type !== messageTypes.nack) return undefined;
  return { kind: 'nack', reason: terminatedText(data, 8, 128).trim() };
}

export type DaemonStatus = {
  readonly current: number;
  readonly lastResult: number;
  /** A line of the log of the daemon. The daemon sends each line once, to one client. */
  readonly line: string;
};

/** With a line, `current` is the status when the line was written (measured, 2022.12). */
export function decodeStatus(data: Buffer): DaemonStatus {
  const [current, lastResult] = [data.readInt32LE(8), data.readInt32LE(12)];
  return { current, lastResult, line: terminatedText(data, 20, 2_048).trim() };
}

export function decodeState(data: Buffer): string {
  return data.toString('latin1', 8, 9);
}

// ---------------------------------------------------------------- requests

/** A daemon that systemd starts at the first connection needs seconds. */
const answerMs = 10_000;
const idlePauseMs = 250;
/** A daemon keeps about a hundred lines. */
const linesMax = 1_000;

export type Control = {
  readonly directory: string;
  readonly layout: MessageLayout;
  readonly socket: string;
  status(): Promise<Activity>;
  /** Reads the log to its end, and waits until nothing is being installed. */
  waitUntilIdle(limitMs: number): Promise<Activity>;
  /** Returns the digit of `ustate`; undefined if the daemon does not send it. */
  readState(): Promise<string | undefined>;
  /** Returns false if the daemon refused. */
  writeState(state: string): Promise<boolean>;
};

export type Activity = {
  readonly kind: 'idle' | 'busy' | 'gone';
  readonly lastResult: number;
  /** Lines of the log that were read. */
  readonly linesCount: number;
  /** The lines of the log that report an error. */
  readonly errors: readonly string[];
};

export type Discovery =
  | { readonly kind: 'daemon'; readonly control: Control }
  /** No daemon listens, so the agent starts the program. */
  | { readonly kind: 'none' }
  /** A process has the socket, and cannot be used; `isTransient`: perhaps later. */
  | { readonly kind: 'unusable'; readonly reason: string; readonly isTransient: boolean };

type Exchanged =
  | { readonly kind: 'answered'; readonly data: Buffer }
  | { readonly kind: 'closed' }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'not-connected'; readonly code: string; readonly reason: string };

/** No daemon listens: the file of a socket stays after its daemon, or cannot be a socket. */
const codesOfNone: readonly string[] = [
  ...['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ENOTSOCK', 'EPROTOTYPE', 'ENAMETOOLONG', 'EINVAL'],
  'ELOOP',
];

export async function findDaemon(
  ports: SocketPorts,
  directories: readonly string[],
): Promise<Discovery> {
  for (const directory of directories) {
    const found = await findIn(ports, directory);
    if (found.kind !== 'none') return found;
  }
  return { kind: 'none' };
}

async function findIn(ports: SocketPorts, directory: string): Promise<Discovery> {
  const socket = `${directory}/sockinstctrl`;
  const unusable = (reason: string, isTransient: boolean): Discovery => {
    return { kind: 'unusable', reason: `the SWUpdate daemon at ${socket} ${reason}`, isTransient };
  };
  for (const tried of messageLayouts) {
    const exchanged = await exchange(ports, socket, encodeRequest(tried, messageTypes.status));
    if (exchanged.kind === 'not-connected') {
      const { code, reason } = exchanged;
      if (codesOfNone.includes(code)) return { kind: 'none' };
      // ENOBUFS, or EAGAIN of a full backlog: a later connection may succeed.
      const isTransient = isTransientCode(code) || code === 'ENOBUFS';
      const hint = isTransient ? '' : ' (installer.swupdate.sockets names another folder)';
      return unusable(`refuses the connection: ${reason}${hint}`, isTransient);
    }
    if (exchanged.kind === 'timed-out') return unusable('does not answer', true);
    if (exchanged.kind === 'closed') continue;
    // The daemon reads as many bytes as its own messages have, and answers with such a message.
    const layout = messageLayouts.find(({ sizeBytes }) => sizeBytes === exchanged.data.length);
    if (layout === undefined || decodeAnswer(exchanged.data)?.kind !== 'ack') {
      return unusable(`uses another protocol (${exchanged.data.length} bytes)`, false);
    }
    return { kind: 'daemon', control: createControl(ports, directory, layout) };
  }
  return unusable('closes every request: SWUpdate before 2020.11, or another program', false);
}

async function exchange(ports: SocketPorts, socket: string, message: Buffer): Promise<Exchanged> {
  const connected = await connect(ports, socket);
  if (!connected.ok) {
    return { kind: 'not-connected', code: connected.code, reason: connected.reason };
  }
  const connection = connected.value;
  await connection.write(message, answerMs);
  const taken = await connection.take(message.length, answerMs);
  connection.close();
  if (taken.data.length > 0) return { kind: 'answered', data: taken.data };
  return { kind: taken.end === 'timed-out' ? 'timed-out' : 'closed' };
}

export function createControl(
  ports: SocketPorts,
  directory: string,
  layout: MessageLayout,
): Control {
  const socket = `${directory}/sockinstctrl`;

  async function request(message: Buffer): Promise<Answer | undefined> {
    const exchanged = await exchange(ports, socket, message);
    const isWhole = exchanged.kind === 'answered' && exchanged.data.length >= layout.sizeBytes;
    return isWhole ? decodeAnswer(exchanged.data) : undefined;
  }

  async function status(): Promise<Activity> {
    const errors: string[] = [];
    for (let linesCount = 0; linesCount < linesMax; linesCount++) {
      const answer = await request(encodeRequest(layout, messageTypes.status));
      if (answer?.kind !== 'ack') return { kind: 'gone', lastResult: 0, linesCount, errors };
      const { current, lastResult, line } = decodeStatus(answer.data);
      const kind = current === statusIdle ? 'idle' : 'busy';
      if (line === '') return { kind, lastResult, linesCount, errors };
      if (current === statusFailure) errors.push(line);
    }
    return { kind: 'busy', lastResult: 0, linesCount: linesMax, errors };
  }

  async function waitUntilIdle(limitMs: number): Promise<Activity> {
    const untilMs = ports.clock.nowMs() + limitMs;
    const errors: string[] = [];
    for (;;) {
      const found = await status();
      errors.push(...found.errors);
      if (found.kind !== 'busy' || ports.clock.nowMs() >= untilMs) return { ...found, errors };
      await sleep(ports.clock, idlePauseMs);
    }
  }

  async function readState(): Promise<string | undefined> {
    const answer = await request(encodeRequest(layout, messageTypes.getState));
    return answer?.kind === 'ack' ? decodeState(answer.data) : undefined;
  }

  async function writeState(state: string): Promise<boolean> {
    return (await request(encodeSetState(layout, state)))?.kind === 'ack';
  }

  return { directory, layout, socket, status, waitUntilIdle, readState, writeState };
}
