// SWUpdate as a program, for devices without a daemon: `swupdate -i FILE`, its buffers and sockets
// in a folder of the transfer's own, its reasons read from stderr.
import { outputBytesMax } from '../../limits.ts';
import { environment } from '../environment.ts';
import { isRunning, markOf } from '../orphan.ts';
import { tailOf } from '../words.ts';
import { findDaemon } from './control.ts';
import { follow } from './follow.ts';
import { sleep } from './line.ts';
import { errorsIn } from './words.ts';
import type { Settings } from '../../core/settings.ts';
import type { Runner, RunResult } from '../../host/ports.ts';
import type { InstallRequest } from '../installer.ts';
import type { Ended, SendPorts } from './send.ts';

export type RunPorts = SendPorts & { readonly runner: Runner };

const pollMs = 100;
const informative = '3';

/** Also its sockets: the program binds its own, whatever else runs. */
export function folderOf({ workDirectory }: InstallRequest): string {
  return `${workDirectory}/swupdate`;
}

export async function runProgram(
  ports: RunPorts,
  settings: Settings['installer'],
  request: InstallRequest,
): Promise<Ended> {
  const folder = folderOf(request);
  // A run that was cut left its copy of the payload here.
  await ports.disk.remove(folder);
  const made = await ports.disk.makeDirectory(folder);
  if (!made.ok) return { kind: 'refused', reason: `cannot make ${folder}: ${made.reason}` };
  const { program, args } = settings.swupdate;
  let hasEnded = false;
  const running = ports.runner({
    program,
    // A configuration file may ask for silence; what went wrong is read from what it says.
    args: ['-l', informative, '-i', request.path, ...args],
    environment: {
      ...environment,
      ...markOf(request.path),
      TMPDIR: folder,
      RUNTIME_DIRECTORY: folder,
    },
    timeLimitMs: settings.timeoutMs,
    outputBytesMax,
  });
  const watched = watch(ports, request, () => hasEnded);
  const result = await running;
  hasEnded = true;
  await watched;
  await ports.disk.remove(folder);
  return endedOf(program, result);
}

async function watch(
  ports: RunPorts,
  request: InstallRequest,
  hasEnded: () => boolean,
): Promise<void> {
  while (!hasEnded()) {
    const follower = await follow(ports, folderOf(request), undefined, request.onProgress);
    while (follower !== undefined && !follower.isClosed() && !hasEnded()) {
      await sleep(ports.clock, pollMs);
    }
    follower?.close();
    if (!hasEnded()) await sleep(ports.clock, pollMs);
  }
}

function endedOf(program: string, result: RunResult): Ended {
  if (result.kind === 'timed-out') return { kind: 'late' };
  if (result.kind === 'not-started') return { kind: 'refused', reason: result.reason };
  if (result.kind === 'killed') return { kind: 'lost', reason: tailOf(program, result) };
  const errors = errorsIn(`${result.stderr}\n${result.stdout}`);
  if (result.exitCode === 0) return { kind: 'success', errors };
  // What failed then is the post-update command; the update is on the device.
  if (/SWUPDATE successful !/.test(result.stdout)) {
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
  program: string,
  request: InstallRequest,
  limitMs: number,
): Promise<'none' | 'success' | 'failure' | 'running' | undefined> {
  const untilMs = ports.clock.nowMs() + limitMs;
  const { disk } = ports;
  // It has its sockets only a moment after its start, and its helpers may keep them.
  const isThere = async () =>
    (await findDaemon(ports, [folderOf(request)])).kind !== 'none' ||
    (await isRunning(disk, { path: request.path, program }));
  if (!(await isThere())) return 'none';
  let follower = await follow(ports, folderOf(request), undefined, request.onProgress);
  while (await isThere()) {
    follower ??= await follow(ports, folderOf(request), undefined, request.onProgress);
    if (ports.clock.nowMs() >= untilMs) {
      follower?.close();
      return 'running';
    }
    await sleep(ports.clock, pollMs);
  }
  follower?.close();
  return follower?.verdict();
}
