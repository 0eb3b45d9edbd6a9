// The service manager above us: systemd's notification protocol, through its own `systemd-notify`.
// Node has no datagram sockets in the file system, and an add-on would tie the executable to one
// Node line. The program waits until it was heard, so that systemd still finds whose message it is.
import { plain, shortened } from '../sanitize.ts';
import type { Log, Runner } from './ports.ts';

export type SystemdNotify = {
  /** The time in which it wants to hear `WATCHDOG=1`; undefined: it does not watch. */
  readonly watchdogMs: number | undefined;
  /** Variables such as READY=1; of one that waits already only the last value is sent. */
  notify(values: { readonly [variable: string]: string }): void;
  /** Resolves when it was told everything. */
  sent(): Promise<void>;
};

type Environment = { readonly [name: string]: string | undefined };

const sendTimeoutMs = 10_000;
/** The manager takes a page; a name of a package is as long as its sender likes. */
const valueCharactersMax = 500;

export function createSystemdNotify(
  { runner, log }: { readonly runner: Runner; readonly log: Log },
  environment: Environment,
  pid: number,
): SystemdNotify {
  const { NOTIFY_SOCKET: socket, PATH: path } = environment;
  if (socket === undefined || socket === '') {
    return { watchdogMs: undefined, notify: () => undefined, sent: () => Promise.resolve() };
  }
  const given = { NOTIFY_SOCKET: socket, PATH: path ?? '/usr/bin:/bin' };
  const waiting = new Map<string, string>();
  let sending: Promise<void> | undefined;
  let wasDelivered = true;

  async function send(): Promise<void> {
    while (waiting.size > 0) {
      const args = [...waiting].map(([variable, value]) => `${variable}=${value}`);
      waiting.clear();
      const request = { program: 'systemd-notify', args, environment: given };
      const ran = await runner({ ...request, timeLimitMs: sendTimeoutMs, outputBytesMax: 1_024 });
      const isDelivered = ran.kind === 'exited' && ran.exitCode === 0;
      const reason = ran.kind === 'not-started' ? ran.reason : `${ran.kind}: ${ran.stderr.trim()}`;
      if (!isDelivered && wasDelivered) log('warn', 'systemd-notify-failed', { reason });
      wasDelivered = isDelivered;
    }
    sending = undefined;
  }

  return {
    watchdogMs: watchdogOf(environment, pid),
    notify(values) {
      // A line end would begin another variable.
      for (const [variable, value] of Object.entries(values)) {
        waiting.set(variable, plain(shortened(value, valueCharactersMax)));
      }
      sending ??= send();
    },
    sent: () => sending ?? Promise.resolve(),
  };
}

/** Variables are inherited; those for another process are none of ours. */
function watchdogOf(environment: Environment, pid: number): number | undefined {
  const { WATCHDOG_USEC: microseconds, WATCHDOG_PID: watched } = environment;
  if (watched !== undefined && watched !== '' && Number(watched) !== pid) return undefined;
  const ms = Number(microseconds) / 1_000;
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
