// SWUpdate: through its daemon if one answers, else as a program, never both. What it reports is
// compared with what the device proves (`evidence.ts`) before it becomes a result.
import { bounded, createRun, isSuccess } from '../program.ts';
import { sleep } from '../waiting.ts';
import { findDaemon } from './control-socket.ts';
import { bootMarker, daemonMarker, decodeBefore, encodeBefore, gather } from './evidence.ts';
import { hasVersions, readVersions } from './evidence.ts';
import { conclude, isNothingToDo, lostText } from './result.ts';
import { installByDaemon } from './run-daemon.ts';
import { installByProgram, waitForProgram } from './run-program.ts';
import { check, settings } from './settings.ts';
import { readDescription } from './sw-description.ts';
import type { Head, Installer, InstallerKind, InstallPorts, InstallRequest } from '../installer.ts';
import type { InstallResult, Listed, Prepared, Probe } from '../installer.ts';
import type { Control, Discovery } from './control-socket.ts';
import type { Before, Evidence, Marker } from './evidence.ts';
import type { Ended, Finished } from './result.ts';
import type { SwupdateSettings } from './settings.ts';

export const swupdate: InstallerKind<'swupdate', typeof settings> = {
  name: 'swupdate',
  format: 'a .swu',
  recognises: ({ bytes }: Head) => {
    const magic = Buffer.from(bytes.subarray(0, 6)).toString('latin1');
    return Promise.resolve(/^07070[12]/.test(magic));
  },
  settings,
  unsigned: undefined,
  check: ({ swupdate: own }, isEnabled) => check(own, isEnabled),
  create: (ports, { swupdate: own, ...shared }) => createSwupdate(ports, { ...shared, ...own }),
};

/** If the daemon is busy for longer, the agent tries again later. */
const busyMs = 10_000;
const busyPauseMs = { min: 250, max: 4_000 };
/** Within this time a supervisor restarts a daemon that ended, or never. */
const restartMs = 60_000;
const restartPollMs = 500;
const syncMs = 300_000;

type Done = Extract<Probe, { readonly kind: 'installed' | 'reboot-required' }>;
type Tried = { readonly ended: Ended; readonly marker: Marker; readonly isCleared: boolean };

export function createSwupdate(ports: InstallPorts, settings: SwupdateSettings): Installer {
  const { clock, disk, runner, log } = ports;
  const { versionsFile, timeoutMs } = settings;
  const directories = socketDirectories(settings, ports.environment);
  const find = () => findDaemon(ports, directories);

  async function prepare(request: InstallRequest): Promise<Prepared> {
    const isSame = await hasVersions(disk, versionsFile, request.path);
    const wasThere = isSame === true && request.isTriedBefore === false;
    const found = await find();
    const isFree =
      found.kind !== 'daemon' || (await found.control.waitUntilIdle(busyMs)).kind === 'idle';
    // The mark of another install that ends later would count for this one.
    const isCleared = isFree && (await markerOf(found).clear());
    return { ok: true, before: encodeBefore({ isCleared, wasThere }) };
  }

  function markerOf(found: Discovery): Marker {
    return found.kind === 'daemon' ? daemonMarker(found.control) : bootMarker(runner);
  }

  async function run(request: InstallRequest, text: string): Promise<InstallResult> {
    const { wasThere } = decodeBefore(text);
    const found = await find();
    if (found.kind === 'unusable') return unusable(found);
    const tried =
      found.kind === 'daemon' ? await tryDaemon(request, found.control) : await tryProgram(request);
    const { ended, marker, isCleared } = tried;
    if (ended.kind === 'busy') return { kind: 'busy', reason: ended.reason };
    const before: Before = { isCleared, wasThere };
    const evidence = await gather(ports, settings, request, before, marker);
    if (ended.kind !== 'lost' || evidence.kind === 'installed') {
      return resultOf(request, ended, evidence, wasThere);
    }
    log('warn', 'swupdate-terminated', { ...request.id, reason: ended.reason });
    // A program that is started now could run next to a daemon that is just starting.
    const isBack = found.kind === 'none' || (await waitForRestart()).kind !== 'none';
    if (!isBack) return resultOf(request, ended, evidence, wasThere);
    const description = bounded(`${lostText(ended.reason)}; ${evidence.description}`);
    return { kind: 'interrupted', description };
  }

  async function tryDaemon(request: InstallRequest, control: Control): Promise<Tried> {
    const marker = daemonMarker(control);
    const untilMs = clock.nowMs() + busyMs;
    for (let pauseMs = busyPauseMs.min; ; pauseMs = Math.min(pauseMs * 2, busyPauseMs.max)) {
      const found = await control.waitUntilIdle(Math.max(0, untilMs - clock.nowMs()));
      const isCleared = found.kind === 'idle' && (await marker.clear());
      const ended: Ended =
        found.kind === 'busy'
          ? { kind: 'busy', reason: 'the SWUpdate daemon is busy with another install' }
          : await installByDaemon(ports, control, request, timeoutMs);
      const isLast = ended.kind !== 'busy' || clock.nowMs() + pauseMs >= untilMs;
      if (isLast) return { ended, marker, isCleared };
      await sleep(clock, pauseMs);
    }
  }

  async function tryProgram(request: InstallRequest): Promise<Tried> {
    const marker = bootMarker(runner);
    if ((await waitForProgram(ports, settings, request, busyMs)) === 'running') {
      const reason = 'the SWUpdate of an earlier attempt still runs';
      return { ended: { kind: 'busy', reason }, marker, isCleared: false };
    }
    const isCleared = await marker.clear();
    return { ended: await installByProgram(ports, settings, request), marker, isCleared };
  }

  async function waitForRestart(): Promise<Discovery> {
    const untilMs = clock.nowMs() + restartMs;
    for (;;) {
      const found = await find();
      if (found.kind !== 'none' || clock.nowMs() >= untilMs) return found;
      await sleep(clock, restartPollMs);
    }
  }

  async function resultOf(
    request: InstallRequest,
    ended: Finished,
    evidence: Evidence,
    wasThere: boolean,
  ): Promise<InstallResult> {
    const isSkipped = ended.kind === 'failure' && isNothingToDo(ended.errors);
    const isSame = isSkipped && (await hasVersions(disk, versionsFile, request.path));
    // SWUpdate also skips images because of versions that an interrupted attempt wrote.
    const outcome = conclude(ended, evidence, isSame === true ? wasThere : isSame);
    if (outcome.kind === 'failed') return outcome;
    const { kind, description } = outcome;
    return kind === 'installed'
      ? installed(request, description)
      : { kind: 'installed', description };
  }

  /** The same description for the result of a run and of a probe. */
  async function installed(request: InstallRequest, description: string): Promise<Done> {
    await sync();
    return {
      kind: (await isRebootRequired(request)) ? 'reboot-required' : 'installed',
      description,
    };
  }

  /** SWUpdate syncs neither the directory of a file nor a device that it wrote. */
  async function sync(): Promise<void> {
    const synced = await createRun(runner)({ program: 'sync', args: [], timeLimitMs: syncMs });
    if (!isSuccess(synced)) log('warn', 'sync-failed', { reason: synced.kind });
  }

  async function isRebootRequired({ path }: InstallRequest): Promise<boolean> {
    return settings.reboot && (await readDescription(disk, path))?.isRebootNeedless !== true;
  }

  async function probe(request: InstallRequest, text: string): Promise<Probe> {
    const earlier = await waitForProgram(ports, settings, request, timeoutMs);
    if (earlier === 'running') return unknown('the SWUpdate of the attempt still runs');
    const isFinished = earlier === 'success';
    const found: Discovery = isFinished ? { kind: 'none' } : await find();
    if (found.kind === 'unusable') return unknown(found.reason);
    if (found.kind === 'daemon' && (await found.control.waitUntilIdle(timeoutMs)).kind === 'busy') {
      return unknown('the SWUpdate daemon is still installing');
    }
    const before = decodeBefore(text);
    const evidence = await gather(ports, settings, request, before, markerOf(found));
    const { kind, description } = evidence;
    if (kind === 'installed') return installed(request, description);
    if (isFinished && kind !== 'failed') {
      return installed(request, 'SWUpdate finished it after the interruption');
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

function unusable({
  reason,
  isTransient,
}: Extract<Discovery, { readonly kind: 'unusable' }>): InstallResult {
  if (isTransient) return { kind: 'busy', reason };
  return { kind: 'failed', code: 'install-failed', description: reason };
}

function unknown(description: string): Probe {
  return { kind: 'unknown', description };
}

/** The folders in which SWUpdate creates its sockets, by release and environment. */
function socketDirectories(
  { sockets }: SwupdateSettings,
  { TMPDIR = '', RUNTIME_DIRECTORY = '' }: InstallPorts['environment'],
): readonly string[] {
  if (sockets !== '') return [sockets];
  const usual = [TMPDIR, RUNTIME_DIRECTORY, '/tmp', '/run/swupdate'];
  return [...new Set(usual)].filter((path) => path !== '');
}
