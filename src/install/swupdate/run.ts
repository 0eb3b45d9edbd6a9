// SWUpdate as a program, for devices without a daemon: `swupdate -i FILE`, its buffers and sockets
// in a folder of the transfer's own, its reasons read from stderr.
import { outputBytesMax } from '../../limits.ts';
import { environment } from '../environment.ts';
import { growingPause, markOf, watchOrphan } from '../running-installer.ts';
import { isPassing } from '../patient.ts';
import { tailOf } from '../describe-result.ts';
import { findDaemon } from './control.ts';
import { follow } from './progress-client.ts';
import { sleep } from './socket-client.ts';
import { errorsIn } from './messages.ts';
import type { Settings } from '../../core/settings.ts';
import type { Runner, RunResult } from '../../host/ports.ts';
import type { InstallRequest } from '../installer.ts';
import type { Ended, SendPorts } from './stream-image.ts';

export type RunPorts = SendPorts & { readonly runner: Runner };

const pollMs = 100;
const informative = '3';
const longestSocketName = 'sockinstctrl';
/** SWUpdate's own line; what a script of the update prints has another beginning. */
const success = /^\[INFO ?\]\s*: SWUPDATE successful !/m;

/** Also its sockets: the program binds its own, whatever else runs. */
export function folderOf(
  { workDirectory }: Settings['installer'],
  request: InstallRequest,
): string {
  if (workDirectory === '') return `${request.workDirectory}/swupdate`;
  const number = request.workDirectory.slice(request.workDirectory.lastIndexOf('/') + 1);
  return `${workDirectory}/sota-agent-${number}`;
}

export async function runProgram(
  ports: RunPorts,
  settings: Settings['installer'],
  request: InstallRequest,
): Promise<Ended> {
  const folder = folderOf(settings, request);
  // A run that was cut left its copy of the payload here.
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
  ports: RunPorts,
  settings: Settings['installer'],
  request: InstallRequest,
  folder: string,
  temporary: string,
): Promise<Ended> {
  const { program, args } = settings.swupdate;
  let hasEnded = false;
  const running = ports.runner({
    program,
    // A configuration file may ask for silence; what went wrong is read from what it says.
    args: ['-l', informative, '-i', request.path, ...args],
    environment: {
      ...environment,
      ...markOf(request.path),
      TMPDIR: temporary,
      RUNTIME_DIRECTORY: temporary,
    },
    timeLimitMs: settings.timeoutMs,
    outputBytesMax,
  });
  const watched = watch(ports, folder, request, () => hasEnded);
  const result = await running;
  hasEnded = true;
  await watched;
  return endedOf(program, result);
}

async function watch(
  ports: RunPorts,
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
  if (result.kind === 'timed-out') return { kind: 'late' };
  if (isPassing(result)) return { kind: 'busy', reason: tailOf(program, result) };
  if (result.kind === 'startup-failed') return { kind: 'refused', reason: result.reason };
  if (result.kind === 'killed') return { kind: 'lost', reason: tailOf(program, result) };
  const errors = errorsIn(`${result.stderr}\n${result.stdout}`);
  if (result.exitCode === 0) return { kind: 'success', errors };
  // What failed then is the post-update command; the update is on the device.
  if (success.test(result.stdout)) {
    return { kind: 'success', errors: [...errors, `${program} exited with ${result.exitCode}`] };
  }
  return { kind: 'failure', errors: errors.length > 0 ? errors : [tailOf(program, result)] };
}

/**
 * A program that outlived the agent. Its end is waited for; `failure` and `success` are what it
 * said last, undefined that it said nothing.
 */
export async function waitForOrphan(
  ports: RunPorts,
  settings: Settings['installer'],
  request: InstallRequest,
  limitMs: number,
): Promise<'none' | 'success' | 'failure' | 'running' | undefined> {
  const untilMs = ports.clock.nowMs() + limitMs;
  const { disk } = ports;
  const folder = folderOf(settings, request);
  const { program } = settings.swupdate;
  const watch = watchOrphan(disk, { path: request.path, program });
  const pause = growingPause(ports.clock);
  // It has its sockets only a moment after its start. A socket that cannot be asked proves nothing:
  // a service that the update started may hold it open.
  const isThere = async () =>
    (await watch.isRunning()) || (await findDaemon(ports, [folder])).kind === 'daemon';
  if (!(await isThere())) {
    await ports.disk.remove(folder);
    return 'none';
  }
  let follower = await follow(ports, folder, undefined, request.onProgress);
  while (await isThere()) {
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
