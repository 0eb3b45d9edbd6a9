// The person or script at the other end of stdout and stderr.
import { fstatSync } from 'node:fs';
import process from 'node:process';

export type Terminal = {
  /** Takes text with its line ends. */
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Lines may be drawn over. */
  readonly isTty: boolean;
  /** Of the window at this moment. */
  readonly columns: () => number;
  readonly rows: () => number;
  /** Calls `act` at Ctrl-C, or when nobody reads stdout; the returned function ends that. */
  readonly onInterrupt: (act: () => void) => () => void;
};

export function createTerminal(): Terminal {
  const { stdout, stderr } = process;
  let interrupted: (() => void) | undefined;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `sota-agent watch | head` ends us by EPIPE, which is no error of ours.
    if (error.code !== 'EPIPE') tellLoss(error.message);
    interrupted?.();
  });
  // A daemon whose log is gone goes on without.
  stderr.on('error', () => undefined);
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    isTty: stdout.isTTY === true && process.env['TERM'] !== 'dumb',
    // A terminal that does not know its size says 0.
    columns: () => stdout.columns || 80,
    rows: () => stdout.rows || 24,
    onInterrupt(act) {
      interrupted = act;
      process.once('SIGINT', act);
      process.once('SIGTERM', act);
      return () => {
        interrupted = undefined;
        process.off('SIGINT', act);
        process.off('SIGTERM', act);
      };
    },
  };
}

/** A script that keeps what we print must not take half of it for the whole. */
function tellLoss(reason: string): void {
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
