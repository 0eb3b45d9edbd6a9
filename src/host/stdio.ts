// Standard output and standard error, and their reader: a user or a script.
import { fstatSync } from 'node:fs';
import process from 'node:process';
import { logWaitingBytesMax } from '../limits.ts';

export type Terminal = {
  /** Writes text that includes its line ends. */
  readonly out: (text: string) => void;
  /** Returns false if the text was dropped, because too much unread text waits. */
  readonly err: (text: string) => boolean;
  /** Calls `act` each time stderr accepts text again after a drop. */
  readonly onErrDrained: (act: () => void) => void;
  /** Returns true if the buffer of stdout is full. */
  readonly isBehind: () => boolean;
  /** Calls `act` each time the buffer of stdout is empty again. */
  readonly onOutDrained: (act: () => void) => void;
  /** True if the output is a terminal that can redraw lines. */
  readonly isTty: boolean;
  /** Size of the terminal window. */
  readonly columns: () => number;
  readonly rows: () => number;
  /** Calls `act` at Ctrl-C or if stdout is closed; the returned function removes the handler. */
  readonly onInterrupt: (act: () => void) => () => void;
  /** Returns true after an interrupt; the rest of the output is then not needed. */
  readonly isInterrupted: () => boolean;
  /** Resolves when the kernel has all written text, or after `limitMs`. */
  readonly flush: (limitMs: number) => Promise<void>;
};

type Stream = NodeJS.WriteStream;

export function createTerminal(): Terminal {
  const { stdout, stderr } = process;
  let interrupted: (() => void) | undefined;
  let isInterrupted = false;
  let isDropping = false;
  let taken: () => void = () => undefined;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `sota-agent watch | head` causes EPIPE, which is not an error of the agent.
    if (error.code !== 'EPIPE') reportStdoutError(error.message);
    interrupted?.();
  });
  // A daemon continues if its log is closed.
  stderr.on('error', () => undefined);
  stderr.on('drain', () => {
    if (!isDropping) return;
    isDropping = false;
    taken();
  });
  const interrupt = () => {
    isInterrupted = true;
    interrupted?.();
  };
  return {
    out: (text) => void stdout.write(text),
    err: (text) => {
      // All waiting text is written first, so that the log has one gap instead of many.
      const { writableLength } = stderr;
      isDropping ||= writableLength > 0 && writableLength + text.length > logWaitingBytesMax;
      if (!isDropping) stderr.write(text);
      return !isDropping;
    },
    onErrDrained: (act) => void (taken = act),
    isBehind: () => stdout.writableNeedDrain,
    onOutDrained: (act) => void stdout.on('drain', act),
    isTty: stdout.isTTY === true && process.env['TERM'] !== 'dumb',
    // A terminal of unknown size reports 0.
    columns: () => stdout.columns || 80,
    rows: () => stdout.rows || 24,
    onInterrupt(act) {
      interrupted = act;
      process.on('SIGINT', interrupt);
      process.on('SIGTERM', interrupt);
      return () => {
        interrupted = undefined;
        process.off('SIGINT', interrupt);
        process.off('SIGTERM', interrupt);
      };
    },
    isInterrupted: () => isInterrupted,
    flush: (limitMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        void Promise.all([written(stdout), written(stderr)]).then(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

/** Resolves when the stream has written its buffer; never resolves without a reader. */
function written(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) return resolve();
    stream.write('', () => resolve());
  });
}

/** Sets an exit code, so that a script does not use incomplete output. */
function reportStdoutError(reason: string): void {
  process.stderr.write(`sota-agent: cannot write to stdout: ${reason}\n`);
  process.once('exit', () => {
    process.exitCode ||= 1;
  });
}

/** Returns true if stderr is the journal. Each child of a service inherits the variable alone. */
export function isJournal(environment: { readonly [name: string]: string | undefined }): boolean {
  const stream = environment['JOURNAL_STREAM'];
  if (stream === undefined || stream === '') return false;
  try {
    const { dev, ino } = fstatSync(2);
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
