// Ends the process within a limited time. Node waits for its helper threads, and a name lookup
// (getaddrinfo) with unreachable DNS servers can block one of them for more than a minute.
import { accessSync, constants } from 'node:fs';
import process from 'node:process';
import { stopGraceMs } from '../limits.ts';
import { plain } from '../sanitize.ts';
import { briefError } from './errors.ts';
import type { Terminal } from './stdio.ts';

export type Exit = {
  /**
   * A command ends when all its output is written. A daemon, or an interrupted command, ends after
   * a limited time.
   */
  withCode(exitCode: number): Promise<void>;
  /** Marks the process as a daemon: `log` receives fatal errors and ends the process. */
  isOfDaemon(log: (error: unknown) => void): void;
  /** Handles an error that no part of the agent caught. */
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
    // A disk request ends within milliseconds; a name lookup may take longer.
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
 * Ends the process at once with the exit code. If a helper thread is busy, the process executes
 * another program that exits (Node 22.15 and later). An older Node can only use a signal.
 */
function exitNow(exitCode: number): void {
  if (!isOccupied()) process.exit(exitCode);
  // The exit handlers (the lock) run first; `exit` calls them once.
  process.emit('exit', exitCode);
  const execve = execveOf(process);
  if (execve !== undefined && isProgram(shell)) {
    execve.call(process, shell, ['sh', '-c', `exit ${exitCode}`], {});
  }
  // systemd treats an end by SIGTERM as clean, like exit code 0.
  process.removeAllListeners('SIGTERM');
  if (exitCode === 0) process.kill(process.pid, 'SIGTERM');
  process.kill(process.pid, 'SIGKILL');
  // Process 1 ignores its own signals.
  process.exit(exitCode);
}

/** Returns true if a helper thread of Node works on a request. */
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
