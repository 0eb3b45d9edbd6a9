// The end of the process, within a bounded time. Node's own waits for its helper threads, and a
// name lookup (getaddrinfo) with dead DNS servers occupies one of them for a minute and more.
import { accessSync, constants } from 'node:fs';
import process from 'node:process';
import { stopGraceMs } from '../limits.ts';
import { plain } from '../sanitize.ts';
import { briefError } from './errors.ts';
import type { Terminal } from './stdio.ts';

export type Exit = {
  /**
   * A command ends by itself once all that it wrote has got out; a daemon, and who was interrupted,
   * after a bounded time.
   */
  withCode(exitCode: number): Promise<void>;
  /** From now on the process is a daemon: `log` is told of crashes, and ends it. */
  isOfDaemon(log: (error: unknown) => void): void;
  /** The last resort: what no part of the agent caught. */
  crashed(error: unknown): void;
};

const shell = '/bin/sh';
const pollMs = 5;
const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms));

export function createExit(terminal: Terminal): Exit {
  let daemon: ((error: unknown) => void) | undefined;

  async function withCode(exitCode: number): Promise<void> {
    if (daemon === undefined && !terminal.isInterrupted()) {
      process.exitCode = exitCode;
      return;
    }
    await finish(exitCode);
  }

  async function finish(exitCode: number): Promise<void> {
    const untilS = process.uptime() + stopGraceMs / 1_000;
    await terminal.flush(stopGraceMs);
    // A request to the disk ends in milliseconds, and a name lookup may not.
    do await pause(pollMs);
    while (isOccupied() && process.uptime() < untilS);
    exitNow(exitCode);
  }

  async function crashed(error: unknown): Promise<void> {
    if (daemon !== undefined) return daemon(error);
    terminal.err(`sota-agent: ${plain(briefError(error))}\n`);
    await finish(1);
  }

  return {
    withCode,
    isOfDaemon: (log) => void (daemon = log),
    crashed: (error) => void crashed(error),
  };
}

type Execve = (file: string, args: readonly string[], environment: object) => void;

/**
 * Ends the process at once, with that exit code. Where a helper thread is occupied, another program
 * takes the process over and ends (Node 22.15 and up). An older Node can only use a signal.
 */
function exitNow(exitCode: number): void {
  if (!isOccupied()) process.exit(exitCode);
  // The handlers of the end (the lock) run first; `exit` calls them once.
  process.emit('exit', exitCode);
  const execve = execveOf(process);
  if (execve !== undefined && isProgram(shell)) {
    execve.call(process, shell, ['sh', '-c', `exit ${exitCode}`], {});
  }
  // For systemd the death by SIGTERM is a clean end, as exit code 0 is.
  process.removeAllListeners('SIGTERM');
  if (exitCode === 0) process.kill(process.pid, 'SIGTERM');
  process.kill(process.pid, 'SIGKILL');
  // Process 1 does not die of signals of its own.
  process.exit(exitCode);
}

/** Requests of Node's that a helper thread works on. */
function isOccupied(): boolean {
  const names = process.getActiveResourcesInfo();
  return names.some((name) => /^(GetAddrInfo|GetNameInfo|FS)Req/.test(name));
}

function execveOf(given: object): Execve | undefined {
  if (!('execve' in given)) return undefined;
  const { execve } = given;
  return typeof execve === 'function' ? (...args) => execve.call(given, ...args) : undefined;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
