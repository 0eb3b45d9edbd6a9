// Limits the time of a request at the listener. Node's own check would wake the device every few
// seconds; this one has no timer without a connection, and a slow one while all connections rest.
import { restingCheckEveryMs } from '../../../limits.ts';
import type { Clock } from '../../../host/ports.ts';

export type Connection = {
  readonly bytesRead: number;
  on(event: 'close', act: () => void): unknown;
};

export type RequestWatch<T extends Connection> = {
  /** The connection is new, so a request is expected. */
  opened(connection: T): void;
  /** The head of a request was read. */
  begun(connection: T): void;
  /** A request was read completely. */
  ended(connection: T): void;
};

/** `restBytes`: what was read at the end of the last request. Further bytes begin the next one. */
type Seen = { readonly restBytes?: number; readonly sinceMs?: number };

/** Calls `onLate` with a connection whose request is not complete after `requestTimeMs`. */
export function createRequestWatch<T extends Connection>(
  clock: Clock,
  requestTimeMs: number,
  onLate: (connection: T) => void,
): RequestWatch<T> {
  const open = new Map<T, Seen>();
  const soonMs = requestTimeMs / 4;
  let checkAtMs = Infinity;
  let cancel: () => void = () => undefined;

  /** Never later than planned: new connections must not delay the check of the others. */
  function checkIn(delayMs: number): void {
    const dueMs = clock.nowMs() + delayMs;
    if (dueMs >= checkAtMs) return;
    cancel();
    checkAtMs = dueMs;
    cancel = clock.after(delayMs, check);
  }

  function check(): void {
    checkAtMs = Infinity;
    const nowMs = clock.nowMs();
    let isResting = true;
    for (const [connection, seen] of open) {
      const { restBytes, sinceMs = nowMs } = seen;
      if (connection.bytesRead === restBytes) continue;
      isResting = false;
      open.set(connection, { ...seen, sinceMs });
      if (nowMs - sinceMs < requestTimeMs) continue;
      open.delete(connection);
      onLate(connection);
    }
    if (open.size > 0) checkIn(isResting ? restingCheckEveryMs : soonMs);
  }

  function closed(connection: T): void {
    open.delete(connection);
    if (open.size > 0) return;
    cancel();
    checkAtMs = Infinity;
  }

  return {
    opened(connection) {
      open.set(connection, { sinceMs: clock.nowMs() });
      connection.on('close', () => closed(connection));
      checkIn(soonMs);
    },
    begun(connection) {
      const seen = open.get(connection);
      if (seen === undefined) return;
      open.set(connection, { sinceMs: clock.nowMs(), ...seen });
      checkIn(soonMs);
    },
    ended(connection) {
      if (open.has(connection)) open.set(connection, { restBytes: connection.bytesRead });
    },
  };
}
