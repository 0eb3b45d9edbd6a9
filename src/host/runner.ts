// Starts external programs: without a shell, with a given environment, in their own process group,
// with a time limit. The start and the end of the output are kept.
import { spawn } from 'node:child_process';
import { accessSync, constants, openSync, readSync, closeSync } from 'node:fs';
import { Socket } from 'node:net';
import process from 'node:process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import type { Runner, RunRequest, RunResult } from './ports.ts';

/** Time between SIGTERM and SIGKILL. */
const killDelayMs = 5_000;
/** Wait for the outputs to close after the exit; a child of the program may keep them open. */
const drainMs = 1_000;
/** Maximum programs with open pipes; each needs two descriptors. */
const keptMax = 16;

export function createRunner(): Runner {
  const kept = createKeptPipes();
  return (request) =>
    new Promise((resolve) => {
      const started = start(request);
      if ('kind' in started) return resolve(started);
      const child = started;
      const stdout = gather(child, 'stdout', request);
      const stderr = gather(child, 'stderr', request);
      let isLate = false;
      let killTimer: NodeJS.Timeout | undefined;
      const timer = setTimeout(() => {
        isLate = true;
        killGroup(child, 'SIGTERM');
        killTimer = setTimeout(() => killGroup(child, 'SIGKILL'), killDelayMs);
      }, request.timeLimitMs);
      const finishRun = (result: RunResult) => {
        clearTimeout(timer);
        clearTimeout(killTimer);
        resolve(result);
      };
      child.on('error', (error) => finishRun(notStarted(request, error)));
      child.on('exit', (exitCode, signal) => {
        clearTimeout(timer);
        // The group is killed only after a timeout: a program that ended normally may have started
        // a service.
        if (isLate) killGroup(child, 'SIGKILL');
        const finish = () => {
          clearTimeout(drain);
          child.off('close', finish);
          const output = { stdout: stdout.end(), stderr: stderr.end() };
          kept.add(child);
          if (isLate) finishRun({ kind: 'timed-out', ...output });
          else if (exitCode === null)
            finishRun({ kind: 'killed', signal: signal ?? '', ...output });
          else finishRun({ kind: 'exited', exitCode, ...output });
        };
        const drain = setTimeout(finish, drainMs);
        child.on('close', finish);
      });
    });
}

/**
 * The pipes of ended programs whose children still use them. A closed pipe would end such a child
 * by SIGPIPE, so the agent reads and discards the output. The pipes do not keep the agent alive.
 * Above `keptMax` the oldest are closed.
 */
function createKeptPipes() {
  const kept: ChildProcess[] = [];
  const close = (child: ChildProcess) => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  return {
    add(child: ChildProcess): void {
      const open = [child.stdout, child.stderr].filter((one) => one?.destroyed === false);
      if (open.length === 0) return;
      for (const one of open) {
        one?.resume();
        if (one instanceof Socket) one.unref();
      }
      kept.push(child);
      child.on('close', () => {
        const at = kept.indexOf(child);
        if (at !== -1) kept.splice(at, 1);
      });
      const oldest = kept.length > keptMax ? kept.shift() : undefined;
      if (oldest !== undefined) close(oldest);
    },
  };
}

/** Node throws some errors (too long, a NUL) and emits the others. */
function start(request: RunRequest): ChildProcess | RunResult {
  const { program, args, environment } = request;
  try {
    const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
    return spawn(program, args, { detached: true, env: { ...environment }, stdio });
  } catch (error) {
    return notStarted(request, error);
  }
}

function notStarted({ program, environment }: RunRequest, error: unknown): RunResult {
  const [code, message] =
    error instanceof Error && 'code' in error
      ? [String(error.code), error.message]
      : ['EUNKNOWN', String(error)];
  const interpreter = code === 'ENOENT' ? missingInterpreter(program, environment) : undefined;
  const reason = interpreter === undefined ? message : `${message}: ${interpreter}`;
  return { kind: 'not-started', code, reason: `${program}: ${reason}` };
}

/** The kernel also returns ENOENT if the file exists but the interpreter of its first line not. */
function missingInterpreter(
  program: string,
  environment: RunRequest['environment'],
): string | undefined {
  const folders = program.includes('/') ? [''] : (environment['PATH'] ?? '').split(':');
  for (const folder of folders) {
    const path = folder === '' ? program : `${folder}/${program}`;
    const line = firstLine(path);
    if (line === undefined) continue;
    const [, interpreter = ''] = /^#![ \t]*([^ \t\r\n]+)/.exec(line) ?? [];
    if (interpreter === '') return `${path} exists, but its loader or a library is missing`;
    const isDos = line.endsWith('\r') ? ' (the line ends with a carriage return)' : '';
    return `the interpreter ${interpreter} of the script ${path} is missing${isDos}`;
  }
  return undefined;
}

/** Returns the interpreter; undefined: there is no such program. */
function firstLine(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const data = Buffer.alloc(256);
      const sizeBytes = readSync(file, data, 0, data.length, 0);
      return data.toString('latin1', 0, sizeBytes).split('\n', 1)[0];
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has already ended.
  }
}

type Gathered = {
  /** Stops reading and returns the output. */
  end(): string;
};

function gather(
  child: ChildProcess,
  name: 'stdout' | 'stderr',
  { outputBytesMax, onOutput }: RunRequest,
): Gathered {
  let head = '';
  let tail = '';
  let leftOut = 0;
  const take = (text: string) => {
    onOutput?.(text);
    const room = outputBytesMax - head.length;
    head += text.slice(0, Math.max(0, room));
    const all = tail + text.slice(Math.max(0, room));
    leftOut += Math.max(0, all.length - outputBytesMax);
    tail = all.slice(-outputBytesMax);
  };
  child[name]?.setEncoding('utf8').on('data', take);
  return {
    end: () => {
      child[name]?.off('data', take);
      return leftOut === 0 ? head + tail : `${head}\n[${leftOut} characters]\n${tail}`;
    },
  };
}
