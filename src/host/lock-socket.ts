// The sockets of the lock. They answer each connection with one line of JSON about the agent.
import { closeSync, constants, openSync, realpathSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import process from 'node:process';
import { lockAnswerMs } from '../limits.ts';
import { codedError } from './errors.ts';

export type State = 'trying' | 'holding';

export type Self = {
  readonly pid: number;
  readonly host: string;
  /** Its PID namespace. */
  readonly namespace: string;
  readonly version: string;
  readonly token: string;
};

export type Answer = {
  /** Undefined: no answer, or not in a form that this version supports. */
  readonly pid: number | undefined;
  readonly host: string;
  readonly namespace: string;
  readonly token: string;
  readonly state: State;
};

export type Holder = Answer & { readonly isElsewhere: boolean };

/** The maximum length of a Unix socket path. Some systems truncate longer ones, others fail. */
const pathBytesMax = 107;
const answerBytesMax = 4_096;

export type Listening = { become(state: State): void; close(): void };

/** The socket listens when this resolves, until the process ends. */
export function listenIn(directory: string, name: string, self: Self): Promise<Listening> {
  let state: State = 'trying';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.setTimeout(lockAnswerMs, () => socket.destroy()).unref();
    socket.resume().end(`${JSON.stringify({ ...self, state })}\n`);
  });
  return new Promise((resolve, reject) => {
    // Later errors concern single connections (no free descriptor); the socket still listens.
    server.on('error', reject);
    server.on('listening', () => {
      server.unref();
      const close = () => void server.close();
      resolve({ become: (next) => void (state = next), close });
    });
    const mask = process.umask(0o177);
    try {
      // Node binds and listens synchronously, and emits the event later.
      withShortPath(directory, name, (path) => server.listen(path));
    } catch (error) {
      reject(error);
    } finally {
      process.umask(mask);
    }
  });
}

/** `dead`: a socket file without a process; `gone`: no file. Other results: an agent has it. */
export function queryHolder(directory: string, name: string): Promise<Answer | 'dead' | 'gone'> {
  return new Promise((resolve) => {
    const socket = withShortPath(directory, name, (path) => createConnection(path));
    let text = '';
    const finish = (answer: Answer | 'dead' | 'gone') => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(answerIn('')), lockAnswerMs);
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (text.includes('\n') || text.length > answerBytesMax) finish(answerIn(text));
    });
    socket.on('close', () => finish(answerIn(text)));
    socket.on('error', (error) => {
      const { code } = codedError(error);
      if (code === 'ECONNREFUSED') finish('dead');
      else finish(code === 'ENOENT' ? 'gone' : answerIn(text));
    });
  });
}

/** An agent without a valid answer counts as the owner of the lock. */
function answerIn(text: string): Answer {
  const silent: Answer = { pid: undefined, host: '', namespace: '', token: '', state: 'holding' };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return silent;
    const fields: { readonly [key: string]: unknown } = { ...value };
    const textOf = (key: string) => (typeof fields[key] === 'string' ? String(fields[key]) : '');
    return {
      pid: typeof fields['pid'] === 'number' ? fields['pid'] : undefined,
      host: textOf('host'),
      namespace: textOf('namespace'),
      token: textOf('token'),
      state: fields['state'] === 'trying' ? 'trying' : 'holding',
    };
  } catch {
    return silent;
  }
}

/**
 * Calls `act` with a path that is short enough for a socket: through the open directory in /proc,
 * or, without /proc, relative to the directory.
 */
function withShortPath<T>(directory: string, name: string, act: (path: string) => T): T {
  const path = `${directory}/${name}`;
  if (Buffer.byteLength(path) <= pathBytesMax) return act(path);
  const folder = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const before = process.cwd();
  try {
    const here = `/proc/self/fd/${folder}`;
    if (leadsTo(here, directory)) return act(`${here}/${name}`);
    process.chdir(directory);
    return act(name);
  } finally {
    if (process.cwd() !== before) process.chdir(before);
    closeSync(folder);
  }
}

function leadsTo(path: string, directory: string): boolean {
  try {
    return realpathSync(path) === realpathSync(directory);
  } catch {
    return false;
  }
}
