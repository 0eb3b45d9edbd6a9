// SWUpdate as a program, for devices without a daemon: `swupdate -i FILE`. Its buffers and sockets
// are in a folder of the transfer, its errors are read from its output.
import { nameOf } from '../files.ts';
import { createRun, isTransient, resultSummary } from '../program.ts';
import { payloadVariable, watchInstaller } from '../running-installer.ts';
import { growingPause, sleep } from '../waiting.ts';
import { findDaemon } from './control-socket.ts';
import { follow } from './progress-socket.ts';
import { errorsIn } from './result.ts';
import type { Runner, RunResult } from '../../host/ports.ts';
import type { InstallRequest } from '../installer.ts';
import type { DaemonPorts } from './run-daemon.ts';
import type { Ended } from './result.ts';
import type { SwupdateSettings } from './settings.ts';

export type ProgramPorts = DaemonPorts & { readonly runner: Runner };

const pollMs = 100;
const informative = '3';
const longestSocketName = 'sockinstctrl';
/** The line of SWUpdate; the output of a script of the update begins in another way. */
const success = /^\[INFO ?\]\s*: SWUPDATE successful !/m;

/** Also for its sockets: the program creates its own, even if a daemon runs. */
export function folderOf({ workDirectory }: SwupdateSettings, request: InstallRequest): string {
  if (workDirectory === '') return `${request.workDirectory}/swupdate`;
  return `${workDirectory}/sota-agent-${nameOf(request.workDirectory)}`;
}

export async function installByProgram(
  ports: ProgramPorts,
  settings: SwupdateSettings,
  request: InstallRequest,
): Promise<Ended> {
  const folder = folderOf(settings, request);
  // After an interruption a copy of the payload is there.
  await ports.disk.remove(folder);
  const made = await ports.disk.makeDirectory(folder);
  if (!made.ok) return { kind: 'refused', reason: `cannot make ${folder}: ${made.reason}` };
  const short = await ports.sockets.shorten(folder, longestSocketName.length + 1);
  if (!short.ok) {
    const reason = `the path ${folder} is too long for a socket: set installer.work_dir`;
    return { kind: 'refused', reason: `${reason} (${short.reason})` };
  }
  try {
    return await runIn(ports, settings, request, folder, short.value.path);
  } finally {
    await short.value.remove();
    await ports.disk.remove(folder);
  }
}

async function runIn(
  ports: ProgramPorts,
  { program, args, timeoutMs: timeLimitMs }: SwupdateSettings,
  request: InstallRequest,
  folder: string,
  temporary: string,
): Promise<Ended> {
  let hasEnded = false;
  const running = createRun(ports.runner)({
    program,
    // The configuration of SWUpdate may silence it, but the errors are read from its output.
    args: ['-l', informative, '-i', request.path, ...args],
    environment: {
      ...payloadVariable(request.path),
      TMPDIR: temporary,
      RUNTIME_DIRECTORY: temporary,
    },
    timeLimitMs,
  });
  const watched = reportProgress(ports, folder, request, () => hasEnded);
  const result = await running;
  hasEnded = true;
  await watched;
  return endedOf(program, result);
}

async function reportProgress(
  ports: ProgramPorts,
  folder: string,
  request: InstallRequest,
  hasEnded: () => boolean,
): Promise<void> {
  while (!hasEnded()) {
    const follower = await follow(ports, folder, undefined, request.onProgress);
    while (follower !== undefined && !follower.isClosed() && !hasEnded()) {
      await sleep(ports.clock, pollMs);
    }
    follower?.close();
    if (!hasEnded()) await sleep(ports.clock, pollMs);
  }
}

function endedOf(program: string, result: RunResult): Ended {
  if (result.kind === 'timed-out') return { kind: 'timed-out' };
  if (isTransient(result)) return { kind: 'busy', reason: resultSummary(program, result) };
  if (result.kind === 'not-started') return { kind: 'refused', reason: result.reason };
  if (result.kind === 'killed') return { kind: 'lost', reason: resultSummary(program, result) };
  const errors = errorsIn(`${result.stderr}\n${result.stdout}`);
  if (result.exitCode === 0) return { kind: 'success', errors };
  // Only the post-update command failed: the update is on the device.
  if (success.test(result.stdout)) {
    return { kind: 'success', errors: [...errors, `${program} exited with ${result.exitCode}`] };
  }
  return { kind: 'failure', errors: errors.length > 0 ? errors : [resultSummary(program, result)] };
}

/**
 * Waits for the end of a program that an earlier process of the agent started. Returns `failure` or
 * `success` if its progress showed it, undefined if not.
 */
export async function waitForProgram(
  ports: ProgramPorts,
  settings: SwupdateSettings,
  request: InstallRequest,
  limitMs: number,
): Promise<'none' | 'success' | 'failure' | 'running' | undefined> {
  const untilMs = ports.clock.nowMs() + limitMs;
  const folder = folderOf(settings, request);
  const watch = watchInstaller(ports.disk, { path: request.path, program: settings.program });
  const pause = growingPause(ports.clock);
  // It creates its sockets a moment after its start. A socket without an answer proves nothing: a
  // service that the update started may have it open.
  const isRunning = async () =>
    (await watch.isRunning()) || (await findDaemon(ports, [folder])).kind === 'daemon';
  if (!(await isRunning())) {
    await ports.disk.remove(folder);
    return 'none';
  }
  let follower = await follow(ports, folder, undefined, request.onProgress);
  while (await isRunning()) {
    follower ??= await follow(ports, folder, undefined, request.onProgress);
    if (ports.clock.nowMs() >= untilMs) {
      follower?.close();
      return 'running';
    }
    await pause();
  }
  follower?.close();
  await ports.disk.remove(folder);
  return follower?.verdict();
}
