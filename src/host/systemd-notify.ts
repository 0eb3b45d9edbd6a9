// Notifies systemd through the program `systemd-notify`. Node has no Unix datagram sockets, and an
// add-on would tie the executable to one Node release line. The program waits for a response, so
// that systemd can identify the sender.
import { plain, shortened } from '../sanitize.ts';
import type { Log, Runner } from './ports.ts';

export type SystemdNotify = {
  /** Time limit between two `WATCHDOG=1`; undefined: the watchdog is off. */
  readonly watchdogMs: number | undefined;
  /** Sends variables such as READY=1. A waiting variable is replaced by its new value. */
  notify(values: { readonly [variable: string]: string }): void;
  /** Resolves when all variables are sent. */
  sent(): Promise<void>;
};

type Environment = { readonly [name: string]: string | undefined };

const sendTimeoutMs = 10_000;
/** systemd accepts one page; the name of a package has no maximum length. */
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
      // A line end would start another variable.
      for (const [variable, value] of Object.entries(values)) {
        waiting.set(variable, plain(shortened(value, valueCharactersMax)));
      }
      sending ??= send();
    },
    sent: () => sending ?? Promise.resolve(),
  };
}

/** Ignores inherited variables that are meant for another process. */
function watchdogOf(environment: Environment, pid: number): number | undefined {
  const { WATCHDOG_USEC: microseconds, WATCHDOG_PID: watched } = environment;
  if (watched !== undefined && watched !== '' && Number(watched) !== pid) return undefined;
  const ms = Number(microseconds) / 1_000;
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
