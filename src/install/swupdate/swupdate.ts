// SWUpdate: through its daemon where one answers, else as a program, never both. What it says is
// held against what the device says (evidence.ts) before it becomes a verdict.
import { outputBytesMax } from '../../limits.ts';
import { environment } from '../environment.ts';
import { bounded } from '../describe-result.ts';
import { findDaemon } from './control.ts';
import { readDescription } from './description.ts';
import { decodeBefore, encodeBefore, gather, hasVersions } from './evidence.ts';
import { sleep } from './socket-client.ts';
import { bootMarker, daemonMarker } from './ustate.ts';
import { runProgram, waitForOrphan } from './run.ts';
import { send } from './stream-image.ts';
import { readVersions } from './versions.ts';
import { conclude } from './verdict.ts';
import { isNothingToDo } from './messages.ts';
import type { Settings } from '../../core/settings.ts';
import type { Installer, InstallPorts, InstallRequest, Listed, Prepared } from '../installer.ts';
import type { Probe, Verdict } from '../installer.ts';
import type { Control, Found } from './control.ts';
import type { Before, Evidence } from './evidence.ts';
import type { Marker } from './ustate.ts';
import type { Ended } from './stream-image.ts';

/** Beyond it the agent asks again by itself, without holding anything. */
const busyMs = 10_000;
const busyPauseMs = { min: 250, max: 4_000 };
/** A daemon that ended in an install comes back by its supervisor, or not. */
const returnMs = 60_000;
const syncMs = 300_000;

type Done = Extract<Probe, { readonly kind: 'installed' | 'reboot-required' }>;
type Tried = { readonly ended: Ended; readonly marker: Marker; readonly isCleared: boolean };

export function createSwupdate(ports: InstallPorts, settings: Settings['installer']): Installer {
  const { clock, disk, runner, log } = ports;
  const { versionsFile } = settings.swupdate;
  const find = () => findDaemon(ports, directoriesOf(settings, ports.environment));

  async function prepare(request: InstallRequest): Promise<Prepared> {
    const isSame = await hasVersions(disk, versionsFile, request.path);
    const wasThere = isSame === true && request.isTriedBefore === false;
    const found = await find();
    const isFree = found.kind !== 'daemon' || (await found.control.idle(busyMs)).kind === 'idle';
    // What another install marks at its end would read as ours.
    const isCleared = isFree && (await markerOf(found).clear());
    return { ok: true, before: encodeBefore({ isCleared, wasThere }) };
  }

  function markerOf(found: Found): Marker {
    return found.kind === 'daemon' ? daemonMarker(found.control) : bootMarker(runner);
  }

  async function run(request: InstallRequest, text: string): Promise<Verdict> {
    const { wasThere } = decodeBefore(text);
    const found = await find();
    if (found.kind === 'unusable') return unusable(found);
    const tried =
      found.kind === 'daemon'
        ? await throughDaemon(request, found.control)
        : await asProgram(request);
    const { ended, marker, isCleared } = tried;
    if (ended.kind === 'busy') return { kind: 'busy', reason: ended.reason };
    const before: Before = { isCleared, wasThere };
    const evidence = await gather(ports, settings, request, before, marker);
    if (ended.kind !== 'lost' || evidence.kind === 'installed') {
      return settle(request, ended, evidence, wasThere);
    }
    log('warn', 'swupdate-terminated', { ...request.id, reason: ended.reason });
    // To spawn one then could be beside a daemon that is just starting.
    const isBack = found.kind === 'none' || (await comeBack()).kind !== 'none';
    if (!isBack) return settle(request, ended, evidence, wasThere);
    const description = `SWUpdate ended in the middle: ${ended.reason}; ${evidence.description}`;
    return { kind: 'cut', description: bounded(description) };
  }

  async function throughDaemon(request: InstallRequest, control: Control): Promise<Tried> {
    const marker = daemonMarker(control);
    const untilMs = clock.nowMs() + busyMs;
    for (let pauseMs = busyPauseMs.min; ; pauseMs = Math.min(pauseMs * 2, busyPauseMs.max)) {
      const idle = await control.idle(Math.max(0, untilMs - clock.nowMs()));
      const isCleared = idle.kind === 'idle' && (await marker.clear());
      const ended: Ended =
        idle.kind === 'busy'
          ? { kind: 'busy', reason: 'the SWUpdate daemon is installing something else' }
          : await send(ports, control, request, settings.timeoutMs);
      const isLast = ended.kind !== 'busy' || clock.nowMs() + pauseMs >= untilMs;
      if (isLast) return { ended, marker, isCleared };
      await sleep(clock, pauseMs);
    }
  }

  async function asProgram(request: InstallRequest): Promise<Tried> {
    const marker = bootMarker(runner);
    if ((await waitForOrphan(ports, settings, request, busyMs)) === 'running') {
      const reason = 'the SWUpdate of an earlier attempt still runs';
      return { ended: { kind: 'busy', reason }, marker, isCleared: false };
    }
    const isCleared = await marker.clear();
    return { ended: await runProgram(ports, settings, request), marker, isCleared };
  }

  async function comeBack(): Promise<Found> {
    const untilMs = clock.nowMs() + returnMs;
    for (;;) {
      const found = await find();
      if (found.kind !== 'none' || clock.nowMs() >= untilMs) return found;
      await sleep(clock, 500);
    }
  }

  async function settle(
    request: InstallRequest,
    ended: Exclude<Ended, { readonly kind: 'busy' }>,
    evidence: Evidence,
    wasThere: boolean,
  ): Promise<Verdict> {
    const isSkipped = ended.kind === 'failure' && isNothingToDo(ended.errors);
    const isSame = isSkipped && (await hasVersions(disk, versionsFile, request.path));
    // What an attempt that was cut left behind also makes SWUpdate skip everything.
    const isThere = isSame === true ? wasThere : isSame;
    const outcome = conclude(ended, evidence, isThere);
    if (outcome.kind === 'failed') return outcome;
    const { description } = outcome;
    if (outcome.kind === 'installed') return installed(request, description);
    return { kind: 'installed', description };
  }

  /** The same words after a run and for a probe. */
  async function installed(request: InstallRequest, description: string): Promise<Done> {
    await sync();
    return { kind: (await isRebootWanted(request)) ? 'reboot-required' : 'installed', description };
  }

  /** SWUpdate syncs neither the folder of a file nor a device that it wrote. */
  async function sync(): Promise<void> {
    const request = { program: 'sync', args: [], environment, timeLimitMs: syncMs, outputBytesMax };
    const synced = await runner(request);
    if (synced.kind === 'exited' && synced.exitCode === 0) return;
    log('warn', 'sync-failed', { reason: synced.kind });
  }

  async function isRebootWanted({ path }: InstallRequest): Promise<boolean> {
    if (!settings.swupdate.reboot) return false;
    return (await readDescription(disk, path))?.isRebootNeedless !== true;
  }

  async function probe(request: InstallRequest, text: string): Promise<Probe> {
    const orphan = await waitForOrphan(ports, settings, request, settings.timeoutMs);
    if (orphan === 'running') return unknown('the SWUpdate of the attempt still runs');
    const isFinished = orphan === 'success';
    const found: Found = isFinished ? { kind: 'none' } : await find();
    if (found.kind === 'unusable') return unknown(found.reason);
    if (found.kind === 'daemon' && (await found.control.idle(settings.timeoutMs)).kind === 'busy') {
      return unknown('the SWUpdate daemon is still installing');
    }
    const before = decodeBefore(text);
    const evidence = await gather(ports, settings, request, before, markerOf(found));
    const { kind, description } = evidence;
    if (kind === 'installed') return installed(request, description);
    if (isFinished && kind !== 'failed') {
      return installed(request, 'SWUpdate finished it after the cut');
    }
    return kind === 'nothing' ? unknown(description) : { kind: 'not-installed', description };
  }

  async function list(): Promise<Listed> {
    const found = await readVersions(disk, versionsFile);
    if (!found.ok) return { ok: found.isAbsent ? 'absent' : false, reason: found.reason };
    const packages = [...found.versions].map(([name, version]) => ({ name, version }));
    return { ok: true, packages };
  }

  return { name: 'swupdate', prepare, run, probe, list };
}

function unusable({ reason, isPassing }: Extract<Found, { readonly kind: 'unusable' }>): Verdict {
  if (isPassing) return { kind: 'busy', reason };
  return { kind: 'failed', code: 'install-failed', description: reason };
}

function unknown(description: string): Probe {
  return { kind: 'unknown', description };
}

/** Where SWUpdate itself puts its sockets, by version and environment. */
function directoriesOf(
  settings: Settings['installer'],
  given: InstallPorts['environment'],
): readonly string[] {
  const { sockets } = settings.swupdate;
  if (sockets !== '') return [sockets];
  const { TMPDIR = '', RUNTIME_DIRECTORY = '' } = given;
  const usual = [TMPDIR, RUNTIME_DIRECTORY, '/tmp', '/run/swupdate'];
  return [...new Set(usual)].filter((path) => path !== '');
}
