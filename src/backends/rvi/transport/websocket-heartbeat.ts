// Finds a dead WebSocket connection with few wake-ups. The kernel probes a node in the vehicle; a
// ping also finds a node that hangs, or a gateway that has lost the node. A call without an answer
// causes a ping at once.
import { localPingEveryMs, localProbeAfterMs, pingAnswerMs, pingEveryMs } from '../../../limits.ts';

export type HeartbeatParts = {
  readonly after: (delayMs: number, act: () => void) => () => void;
  readonly raw: {
    readonly bytesRead: number;
    setKeepAlive(isEnabled: boolean, initialDelayMs: number): unknown;
  };
  /** The connection leads to a node on this device or in this vehicle, without a proxy. */
  readonly isLocal: boolean;
  readonly ping: () => void;
  /** A paused connection receives nothing. */
  readonly isPaused: () => boolean;
  readonly onAlive: () => void;
  readonly onDead: () => void;
};

export type Heartbeat = {
  /** Pings now: the answer to a call is overdue. */
  doubt(): void;
  stop(): void;
};

/** Counts bytes, not frames: a chunk may take longer than a ping on a slow connection. */
export function startHeartbeat(parts: HeartbeatParts): Heartbeat {
  const { after, raw, isLocal } = parts;
  const everyMs = isLocal ? localPingEveryMs : pingEveryMs;
  let isPinged = false;
  let cancel: () => void = () => undefined;

  function checkIn(delayMs: number): void {
    const { bytesRead } = raw;
    cancel = after(delayMs, () => (raw.bytesRead > bytesRead ? alive() : ping()));
  }

  function alive(): void {
    isPinged = false;
    parts.onAlive();
    checkIn(everyMs);
  }

  function ping(): void {
    cancel();
    isPinged = true;
    const { bytesRead } = raw;
    const wasPaused = parts.isPaused();
    parts.ping();
    cancel = after(pingAnswerMs, () => {
      if (raw.bytesRead > bytesRead) alive();
      else if (wasPaused || parts.isPaused()) ping();
      else parts.onDead();
    });
  }

  if (isLocal) raw.setKeepAlive(true, localProbeAfterMs);
  // A connection that has carried something for this time counts as one that works.
  checkIn(pingAnswerMs);
  return {
    doubt() {
      if (!isPinged) ping();
    },
    stop: () => cancel(),
  };
}
