// Starts other people's programs: no shell, an environment of our making, a process group of its
// own, a time limit, and bounded output of which head and tail are kept.
import { spawn } from 'node:child_process';
import process from 'node:process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import type { Runner, RunRequest, RunResult } from './ports.ts';

/** Between the polite signal and the other one. */
const killDelayMs = 5_000;
/** A daemon that it started in a session of its own may hold the outputs for ever. */
const drainMs = 1_000;

export function createRunner(): Runner {
  return (request) =>
    new Promise((resolve) => {
      const started = start(request);
      if ('kind' in started) return resolve(started);
      const child = started;
      const stdout = gather(child, 'stdout', request);
      const stderr = gather(child, 'stderr', request);
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        killGroup(child, 'SIGTERM');
        hard = setTimeout(() => killGroup(child, 'SIGKILL'), killDelayMs);
      }, request.timeLimitMs);
      let hard: NodeJS.Timeout | undefined;
      const settle = (result: RunResult) => {
        clearTimeout(timer);
        clearTimeout(hard);
        resolve(result);
      };
      child.on('error', (error) => settle(notStarted(request.program, error)));
      child.on('exit', (exitCode, signal) => {
        // What it left running in its group goes with it, and would hold its pipes open for ever.
        killGroup(child, 'SIGKILL');
        const drain = setTimeout(() => {
          child.stdout?.destroy();
          child.stderr?.destroy();
        }, drainMs);
        child.on('close', () => {
          clearTimeout(drain);
          const said = { stdout: stdout(), stderr: stderr() };
          if (isLate) settle({ kind: 'timed-out', ...said });
          else if (exitCode === null) settle({ kind: 'killed', signal: signal ?? '', ...said });
          else settle({ kind: 'exited', exitCode, ...said });
        });
      });
    });
}

/** Node throws some reasons (too long, a NUL) and emits the others. */
function start({ program, args, environment }: RunRequest): ChildProcess | RunResult {
  try {
    const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
    return spawn(program, args, { detached: true, env: { ...environment }, stdio });
  } catch (error) {
    return notStarted(program, error);
  }
}

function notStarted(program: string, error: unknown): RunResult {
  const [code, message] =
    error instanceof Error && 'code' in error
      ? [String(error.code), error.message]
      : ['EUNKNOWN', String(error)];
  return { kind: 'not-started', code, reason: `${program}: ${message}` };
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

function gather(
  child: ChildProcess,
  name: 'stdout' | 'stderr',
  { outputBytesMax, onOutput }: RunRequest,
): () => string {
  let head = '';
  let tail = '';
  let leftOut = 0;
  child[name]?.setEncoding('utf8').on('data', (text: string) => {
    onOutput?.(text);
    const room = outputBytesMax - head.length;
    head += text.slice(0, Math.max(0, room));
    const all = tail + text.slice(Math.max(0, room));
    leftOut += Math.max(0, all.length - outputBytesMax);
    tail = all.slice(-outputBytesMax);
  });
  return () => (leftOut === 0 ? head + tail : `${head}\n[${leftOut} characters]\n${tail}`);
}
