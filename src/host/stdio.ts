// The person or script at the other end of stdout and stderr.
import { fstatSync } from 'node:fs';
import process from 'node:process';
import { logWaitingBytesMax } from '../limits.ts';

export type Terminal = {
  /** Takes text with its line ends. */
  readonly out: (text: string) => void;
  /** False: nobody reads stderr, too much waits already, and this text was dropped. */
  readonly err: (text: string) => boolean;
  /** Calls `act` each time that stderr takes text again after it dropped some. */
  readonly onErrDrained: (act: () => void) => void;
  /** More text than usual waits that stdout has not taken yet. */
  readonly isBehind: () => boolean;
  /** Calls `act` each time that stdout has taken all that waited. */
  readonly onOutDrained: (act: () => void) => void;
  /** Lines may be drawn over. */
  readonly isTty: boolean;
  /** Of the window at this moment. */
  readonly columns: () => number;
  readonly rows: () => number;
  /** Calls `act` at Ctrl-C, or when nobody reads stdout; the returned function ends that. */
  readonly onInterrupt: (act: () => void) => () => void;
  /** Was it interrupted? Then nobody waits for the rest of the output. */
  readonly isInterrupted: () => boolean;
  /** Resolves when the kernel has all that was written, or after `limitMs`. */
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
    // `sota-agent watch | head` ends us by EPIPE, which is no error of ours.
    if (error.code !== 'EPIPE') reportStdoutError(error.message);
    interrupted?.();
  });
  // A daemon whose log is gone goes on without.
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
      // All of what waits is written first, so that there is one gap in the log and not many.
      const { writableLength } = stderr;
      isDropping ||= writableLength > 0 && writableLength + text.length > logWaitingBytesMax;
      if (!isDropping) stderr.write(text);
      return !isDropping;
    },
    onErrDrained: (act) => void (taken = act),
    isBehind: () => stdout.writableNeedDrain,
    onOutDrained: (act) => void stdout.on('drain', act),
    isTty: stdout.isTTY === true && process.env['TERM'] !== 'dumb',
    // A terminal that does not know its size says 0.
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

/** Never, where nobody reads. */
function written(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) return resolve();
    stream.write('', () => resolve());
  });
}

/** A script that keeps what we print must not take half of it for the whole. */
function reportStdoutError(reason: string): void {
  process.stderr.write(`sota-agent: stdout takes nothing: ${reason}\n`);
  process.once('exit', () => {
    process.exitCode ||= 1;
  });
}

/** Is stderr the journal? The variable alone is inherited by everything that a service starts. */
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
