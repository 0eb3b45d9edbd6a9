// Notifies the service manager: ready, status text, watchdog, stopping. While the daemon is stuck,
// the agent sends no watchdog message, so that systemd restarts it.
import { summary } from '../core/summary.ts';
import { managerEveryMs } from '../limits.ts';
import type { Clock, Log } from '../host/ports.ts';
import type { SystemdNotify } from '../host/systemd-notify.ts';
import type { Daemon } from './daemon.ts';

export type WatchdogPorts = {
  readonly clock: Clock;
  readonly log: Log;
  readonly manager: SystemdNotify;
};

/** The returned function stops the notifications, and sends STOPPING=1. */
export function startWatchdog(
  { clock, log, manager }: WatchdogPorts,
  daemon: Pick<Daemon, 'status' | 'stuck' | 'onChange'>,
): () => void {
  let sentStatus = summary(daemon.status());
  let cancelStatus: (() => void) | undefined;
  let cancelBeat: () => void = () => undefined;

  function sendStatus(): void {
    const now = summary(daemon.status());
    if (now !== sentStatus) manager.notify({ STATUS: now });
    sentStatus = now;
  }
  function changed(): void {
    cancelStatus ??= clock.after(managerEveryMs, () => {
      cancelStatus = undefined;
      sendStatus();
    });
  }
  function beat(everyMs: number): void {
    const stuck = daemon.stuck(everyMs);
    if (stuck === undefined) manager.notify({ WATCHDOG: '1' });
    else log('error', 'watchdog-stalled', { reason: stuck });
    // A storage error changes no state, so the status text is checked here.
    sendStatus();
    cancelBeat = clock.after(everyMs, () => beat(everyMs));
  }

  const ignore = daemon.onChange(changed);
  manager.notify({ READY: '1', STATUS: sentStatus });
  if (manager.watchdogMs !== undefined) beat(manager.watchdogMs / 2);
  return () => {
    ignore();
    cancelStatus?.();
    cancelBeat();
    manager.notify({ STOPPING: '1' });
  };
}
