// `sota-agent run`: runs one daemon with the real ports, from the lock to the last signal.
import { createTransport } from './agent/backend.ts';
import { startDaemon } from './agent/daemon.ts';
import { startWatchdog } from './agent/systemd-watchdog.ts';
import { within } from './agent/within.ts';
import { startControl } from './control/server.ts';
import { briefError } from './host/errors.ts';
import { checkFileSystem } from './host/file-system.ts';
import { readBootId, takeLock } from './host/lock.ts';
import { createLog } from './host/log.ts';
import { memoryLimit } from './host/memory-limit.ts';
import { createSystemdNotify } from './host/systemd-notify.ts';
import { createStop } from './host/stop.ts';
import { foreignOwner } from './host/foreign-users.ts';
import { createInstallers } from './install/enabled-installers.ts';
import { memoryBytesMin, stopGraceMs } from './limits.ts';
import { checkOwnership } from './store/ownership.ts';
import type { Build } from './agent/daemon.ts';
import type { CommandPorts } from './commands/ports.ts';
import type { AgentSettings } from './install/installers.ts';
import type { Clock, Disk, DiskResult, LocalSockets, Log } from './host/ports.ts';
import type { Random, Runner } from './host/ports.ts';
import type { Signal } from './host/signals.ts';
import type { Stop } from './host/stop.ts';
import type { Terminal } from './host/stdio.ts';

export type ServePorts = {
  readonly clock: Clock;
  readonly openRandom: () => DiskResult<Random>;
  readonly disk: Disk;
  readonly sockets: LocalSockets;
  readonly runner: Runner;
  readonly terminal: Pick<Terminal, 'err' | 'onErrDrained'>;
  /** Calls `act` at each signal. */
  readonly onSignals: (act: (signal: Signal) => void) => void;
  /** Calls `act` with each uncaught error. */
  readonly onCrash: (act: (error: unknown) => void) => void;
  readonly isJournal: boolean;
  readonly environment: { readonly [name: string]: string | undefined };
  readonly processId: number;
  readonly build: Build;
};

export function createServe(ports: ServePorts): CommandPorts['startDaemon'] {
  return async (settings) => {
    const { clock, terminal, build } = ports;
    const { level, format } = settings.log;
    const prefix = ports.isJournal ? 'journald' : 'time';
    const { err: write, onErrDrained: onTaken } = terminal;
    const log = createLog(clock, { level, format, prefix, write, onTaken });
    const stop = createStop(log);
    ports.onSignals(stop.onSignal);
    const crashed = new Promise<number>((resolve) => {
      ports.onCrash((error) => resolve(failed(log, 'fatal-error', briefError(error))));
    });
    const work = async () => {
      // Before the lock, because the lock would be the first file in the directory.
      const fit = await checkFileSystem(settings.storage.directory);
      if (!fit.ok) return failed(log, 'startup-failed', fit.reason);
      const owned = await checkOwnership(ports.disk, settings.storage.directory);
      if (!owned.ok) return failed(log, 'startup-failed', owned.reason);
      await warnOfAccess(ports.disk, settings.storage.directory, log);
      const locked = await takeLock(settings.storage.directory, build.version);
      if (!locked.ok) return failed(log, 'startup-failed', locked.reason);
      return serve(ports, settings, log, stop);
    };
    // An internal invariant or an fsync failed: the next start reads the state from flash.
    const worked = work().catch((error: unknown) => failed(log, 'fatal-error', briefError(error)));
    return Promise.race([worked, crashed, stop.atOnce]);
  };
}

/** Logs permissions that give other users access. The agent does not change them. */
async function warnOfAccess(disk: Disk, directory: string, log: Log): Promise<void> {
  const opened = await disk.open(directory, 'read');
  if (!opened.ok) return;
  const mode = await opened.value.mode();
  await opened.value.close();
  const owner = foreignOwner(directory);
  if (!mode.ok || ((mode.value & 0o077) === 0 && owner === undefined)) return;
  const shown = mode.value.toString(8).padStart(4, '0');
  const expected = owner === undefined ? '0700' : '0700, owned by the user of the agent';
  log('warn', 'storage-permissions', { path: directory, mode: shown, owner, expected });
}

async function serve(
  ports: ServePorts,
  settings: AgentSettings,
  log: Log,
  stop: Stop,
): Promise<number> {
  const { clock, disk, sockets, build } = ports;
  const random = ports.openRandom();
  if (!random.ok) return failed(log, 'startup-failed', random.reason);
  const outside = { clock, random: random.value, log, disk };
  const transport = await createTransport(outside, settings);
  if (!transport.ok) return failed(log, 'startup-failed', transport.reason);
  const started = await startDaemon({
    ...outside,
    settings,
    transport: transport.value,
    installers: createInstallers({ ...ports, log }, settings),
    bootId: await readBootId(),
    build,
  });
  if (!started.ok)
    return failed(log, 'startup-failed', `${settings.storage.directory}: ${started.reason}`);
  const daemon = started.value;
  stop.begin(daemon);
  const { socket, group } = settings.control;
  const control = await startControl({ sockets, clock, log }, socket, daemon, group);
  if (!control.ok) log('error', 'control-socket-failed', { reason: control.reason });
  log('info', 'started', { version: build.version, storage: settings.storage.directory });
  if (ports.processId === 1) log('warn', 'no-init', { reason: noInit });
  warnOfMemory(log);
  const systemd = createSystemdNotify(
    { runner: ports.runner, log },
    ports.environment,
    ports.processId,
  );
  const endHeartbeat = startWatchdog({ clock, log, manager: systemd }, daemon);
  try {
    await daemon.ended;
  } finally {
    endHeartbeat();
    const closed = control.ok ? control.value.close() : Promise.resolve();
    await within(clock, stopGraceMs, Promise.all([closed, systemd.sent()]));
  }
  log('info', 'stopped', {});
  return stop.exitCode();
}

/** Below the limit the kernel ends the agent without a message. */
function warnOfMemory(log: Log): void {
  const limit = memoryLimit();
  if (limit === undefined || limit.bytes >= memoryBytesMin) return;
  const mebibytes = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
  const [found, needed] = [limit.bytes, memoryBytesMin].map(mebibytes);
  log('warn', 'memory-limit-low', { limit: found, needed, file: limit.file });
}

const noInit =
  'the agent is process 1, so processes that installers start remain as zombies; ' +
  'start the agent under an init (docker run --init, tini)';

function failed(log: Log, code: 'startup-failed' | 'fatal-error', reason: string): number {
  log('error', code, { reason });
  return 1;
}
