// The sockets of the lock: they answer each connection with one line of JSON that names the agent.
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
  /** Undefined: it does not answer, or not in a form that this version knows. */
  readonly pid: number | undefined;
  readonly host: string;
  readonly namespace: string;
  readonly token: string;
  readonly state: State;
};

export type Holder = Answer & { readonly isElsewhere: boolean };

/** The length of a path of a Unix socket; longer ones are cut off by some and refused by others. */
const pathBytesMax = 107;
const answerBytesMax = 4_096;

export type Listening = { become(state: State): void; close(): void };

/** It listens when this resolves, and as long as the process lives. */
export function listenIn(directory: string, name: string, self: Self): Promise<Listening> {
  let state: State = 'trying';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.setTimeout(lockAnswerMs, () => socket.destroy()).unref();
    socket.resume().end(`${JSON.stringify({ ...self, state })}\n`);
  });
  return new Promise((resolve, reject) => {
    // Later ones are of single connections (no free descriptor); the kernel holds the lock anyway.
    server.on('error', reject);
    server.on('listening', () => {
      server.unref();
      const close = () => void server.close();
      resolve({ become: (next) => void (state = next), close });
    });
    const mask = process.umask(0o177);
    try {
      // Node binds and listens at once, and tells of it later.
      withShortPath(directory, name, (path) => server.listen(path));
    } catch (error) {
      reject(error);
    } finally {
      process.umask(mask);
    }
  });
}

/** `dead`: a socket file without a process; `gone`: no file. Everything else means somebody. */
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

/** One that does not answer is taken for a holder. */
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
 * A path for the socket that is short enough, during `act`: by the open directory's name in /proc,
 * or, without /proc, from within the directory.
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
