// `sota-agent run`: the real ports around one life of the agent, from the lock to the last signal.
import { startDaemon } from './agent/daemon.ts';
import { startHeartbeat } from './agent/heartbeat.ts';
import { startControl } from './control/server.ts';
import { readBootId, takeLock } from './host/lock.ts';
import { createLog } from './host/log.ts';
import { createManager } from './host/manager.ts';
import { createInstallers } from './install/installers.ts';
import { createTransport } from './transport/create.ts';
import type { Build } from './agent/daemon.ts';
import type { CommandPorts } from './commands/ports.ts';
import type { Settings } from './core/settings.ts';
import type { Clock, Disk, LocalSockets, Log, Random, Runner } from './host/ports.ts';
import type { Terminal } from './host/terminal.ts';

export type ServePorts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly sockets: LocalSockets;
  readonly runner: Runner;
  readonly terminal: Terminal;
  readonly isJournal: boolean;
  readonly environment: { readonly [name: string]: string | undefined };
  readonly processId: number;
  readonly build: Build;
};

export function createServe(ports: ServePorts): CommandPorts['startDaemon'] {
  return async (settings) => {
    const { level, format } = settings.log;
    const prefix = ports.isJournal ? 'journald' : 'time';
    const log = createLog(ports.clock, { level, format, prefix, write: ports.terminal.err });
    const locked = await takeLock(settings.storage.directory);
    if (!locked.ok) return failed(log, 'not-started', locked.reason);
    try {
      return await serve(ports, settings, log);
    } catch (error) {
      // A broken promise of ours, or an fsync that failed: the next start reads what is true.
      return failed(log, 'crashed', error instanceof Error ? (error.stack ?? '') : String(error));
    }
  };
}

async function serve(ports: ServePorts, settings: Settings, log: Log): Promise<number> {
  const { clock, random, disk, sockets, build } = ports;
  const transport = await createTransport({ clock, random, log, disk }, settings);
  if (!transport.ok) return failed(log, 'not-started', transport.reason);
  const started = await startDaemon({
    clock,
    random,
    log,
    disk,
    settings,
    transport: transport.value,
    installers: createInstallers({ ...ports, log }, settings),
    bootId: await readBootId(),
    build,
  });
  if (!started.ok)
    return failed(log, 'not-started', `${settings.storage.directory}: ${started.reason}`);
  const daemon = started.value;
  const ignore = ports.terminal.onInterrupt(daemon.stop);
  const { socket, group } = settings.control;
  const control = await startControl({ sockets, clock, log }, socket, daemon, group);
  if (!control.ok) log('error', 'no-control-socket', { reason: control.reason });
  log('info', 'started', { version: build.version, storage: settings.storage.directory });
  const manager = createManager({ runner: ports.runner, log }, ports.environment, ports.processId);
  const endHeartbeat = startHeartbeat({ clock, log, manager }, daemon);
  try {
    await daemon.ended;
  } finally {
    ignore();
    endHeartbeat();
    if (control.ok) await control.value.close();
  }
  log('info', 'stopped', {});
  return 0;
}

function failed(log: Log, code: string, reason: string): number {
  log('error', code, { reason });
  return 1;
}
