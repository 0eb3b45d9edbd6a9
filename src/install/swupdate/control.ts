// Requests to a running SWUpdate daemon, each on a connection of its own. Which daemon, and in
// which shape it speaks, is found by asking for its status.
import { openLine, sleep } from './socket-client.ts';
import {
  decodeAnswer,
  decodeState,
  decodeStatus,
  encodeRequest,
  encodeSetState,
  messageTypes,
  shapes,
  statusFailure,
  statusIdle,
} from './ipc.ts';
import type { LinePorts } from './socket-client.ts';
import type { Answer, Shape } from './ipc.ts';

/** A daemon that systemd starts at the first connection needs seconds; a running one none. */
const answerMs = 10_000;
const idlePauseMs = 250;
/** Lines that wait in a daemon: it keeps about a hundred. */
const linesMax = 1_000;

export type Control = {
  readonly directory: string;
  readonly shape: Shape;
  readonly socket: string;
  status(): Promise<Idle>;
  /** Reads the log to its end and waits until nothing is being installed. */
  idle(limitMs: number): Promise<Idle>;
  /** The digit in `ustate`; undefined where the daemon does not say. */
  state(): Promise<string | undefined>;
  /** False where it was not taken. */
  setState(state: string): Promise<boolean>;
};

export type Idle = {
  readonly kind: 'idle' | 'busy' | 'gone';
  readonly lastResult: number;
  /** Lines of the log that were read. */
  readonly linesCount: number;
  /** The lines of the log that tell of an error. */
  readonly errors: readonly string[];
};

export type Found =
  | { readonly kind: 'daemon'; readonly control: Control }
  | { readonly kind: 'none' }
  /** Somebody is there that cannot be spoken to; `isPassing`: perhaps later. */
  | { readonly kind: 'unusable'; readonly reason: string; readonly isPassing: boolean };

type Exchanged =
  | { readonly kind: 'answered'; readonly data: Buffer }
  | { readonly kind: 'silent' }
  | { readonly kind: 'late' }
  | { readonly kind: 'not-connected'; readonly code: string; readonly reason: string };

/**
 * A socket file outlives its daemon: only one that is answered counts. The last ones are of paths
 * at which no socket of SWUpdate can be.
 */
const codesOfNone: readonly string[] = [
  'ENOENT',
  'ENOTDIR',
  'ECONNREFUSED',
  'ENOTSOCK',
  'EPROTOTYPE',
  'ENAMETOOLONG',
  'EINVAL',
  'ELOOP',
];
/** A full backlog, or no descriptor or memory for a connection: later it may work. */
const codesOfLater: readonly string[] = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS'];

export async function findDaemon(ports: LinePorts, directories: readonly string[]): Promise<Found> {
  for (const directory of directories) {
    const found = await findIn(ports, directory);
    if (found.kind !== 'none') return found;
  }
  return { kind: 'none' };
}

async function findIn(ports: LinePorts, directory: string): Promise<Found> {
  const socket = `${directory}/sockinstctrl`;
  const unusable = (reason: string, isPassing: boolean): Found => {
    return { kind: 'unusable', reason: `the SWUpdate daemon at ${socket} ${reason}`, isPassing };
  };
  for (const tried of shapes) {
    const message = encodeRequest(tried, messageTypes.status);
    const exchanged = await exchange(ports, socket, message);
    if (exchanged.kind === 'not-connected') {
      if (codesOfNone.includes(exchanged.code)) return { kind: 'none' };
      const isPassing = codesOfLater.includes(exchanged.code);
      const hint = isPassing ? '' : ' (installer.swupdate.sockets names another folder)';
      return unusable(`cannot be asked: ${exchanged.reason}${hint}`, isPassing);
    }
    if (exchanged.kind === 'late') return unusable('does not answer', true);
    if (exchanged.kind === 'silent') continue;
    // It took as much as its own messages have, and answers with one of those.
    const shape = shapes.find(({ sizeBytes }) => sizeBytes === exchanged.data.length);
    const isOne = shape !== undefined && decodeAnswer(exchanged.data)?.kind === 'ack';
    if (isOne) return { kind: 'daemon', control: createControl(ports, directory, shape) };
    return unusable(`speaks another protocol (${exchanged.data.length} bytes)`, false);
  }
  return unusable('does not understand: older than 2020.11, or of another kind', false);
}

async function exchange(ports: LinePorts, socket: string, message: Buffer): Promise<Exchanged> {
  const opened = await openLine(ports, socket);
  if (!opened.ok) return { kind: 'not-connected', code: opened.code, reason: opened.reason };
  const line = opened.value;
  await line.write(message, answerMs);
  const taken = await line.take(message.length, answerMs);
  line.close();
  if (taken.data.length > 0) return { kind: 'answered', data: taken.data };
  return { kind: taken.end === 'late' ? 'late' : 'silent' };
}

export function createControl(ports: LinePorts, directory: string, shape: Shape): Control {
  const socket = `${directory}/sockinstctrl`;

  async function ask(message: Buffer): Promise<Answer | undefined> {
    const exchanged = await exchange(ports, socket, message);
    if (exchanged.kind !== 'answered' || exchanged.data.length < shape.sizeBytes) return undefined;
    return decodeAnswer(exchanged.data);
  }

  async function status(): Promise<Idle> {
    const errors: string[] = [];
    for (let count = 0; count < linesMax; count++) {
      const answer = await ask(encodeRequest(shape, messageTypes.status));
      if (answer?.kind !== 'ack') return gone(count, errors);
      const { current, lastResult, line } = decodeStatus(answer.data);
      const kind = current === statusIdle ? 'idle' : 'busy';
      if (line === '') return { kind, lastResult, linesCount: count, errors };
      if (current === statusFailure) errors.push(line);
    }
    return { kind: 'busy', lastResult: 0, linesCount: linesMax, errors };
  }

  const gone = (linesCount: number, errors: readonly string[]): Idle => {
    return { kind: 'gone', lastResult: 0, linesCount, errors };
  };

  async function idle(limitMs: number): Promise<Idle> {
    const untilMs = ports.clock.nowMs() + limitMs;
    const errors: string[] = [];
    for (;;) {
      const found = await status();
      errors.push(...found.errors);
      if (found.kind !== 'busy' || ports.clock.nowMs() >= untilMs) return { ...found, errors };
      await sleep(ports.clock, idlePauseMs);
    }
  }

  async function state(): Promise<string | undefined> {
    const answer = await ask(encodeRequest(shape, messageTypes.getState));
    return answer?.kind === 'ack' ? decodeState(answer.data) : undefined;
  }

  async function setState(wanted: string): Promise<boolean> {
    const answer = await ask(encodeSetState(shape, wanted));
    return answer?.kind === 'ack';
  }

  return { directory, shape, socket, status, idle, state, setState };
}
