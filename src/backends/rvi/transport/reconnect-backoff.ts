// Delays between attempts to connect, or to bind the listener.
import { backoffMs, hasStepped } from '../../../core/backoff.ts';
import { clockCheckEveryMsMax, clockCheckEveryMsMin } from '../../../limits.ts';
import { reconnectDelayMsMax, reconnectDelayMsMin } from '../../../limits.ts';
import type { TransportPorts } from './transport.ts';

export type Retry = {
  /**
   * Calls `act` after the next delay: exponential, with full jitter. If `isClockInDoubt`, a step of
   * this device's clock ends the delay.
   */
  again(act: () => void, isClockInDoubt?: boolean): void;
  /** The connection works: the next delay is short again. */
  held(): void;
  stop(): void;
};

export function createRetry(
  { clock, random }: TransportPorts,
  delayMsMaxOf: (failures: number) => number = () => reconnectDelayMsMax,
): Retry {
  let failures = 0;
  let clockEveryMs: number = clockCheckEveryMsMin;
  let cancel: () => void = () => undefined;
  const instant = () => ({ nowMs: clock.nowMs(), wallMs: clock.wallMs() });

  function wait(act: () => void, dueMs: number, before = instant()): void {
    const leftMs = dueMs - before.nowMs;
    const stepMs = Math.min(leftMs, clockEveryMs);
    cancel = clock.after(stepMs, () => {
      const now = instant();
      if (stepMs === leftMs || hasStepped(before, now)) return act();
      clockEveryMs = Math.min(2 * clockEveryMs, clockCheckEveryMsMax);
      wait(act, dueMs, now);
    });
  }

  return {
    again(act, isClockInDoubt = false) {
      const mostMs = delayMsMaxOf(failures);
      const delayMs = backoffMs(failures, reconnectDelayMsMin, mostMs, random.unit());
      failures += 1;
      if (isClockInDoubt) wait(act, clock.nowMs() + delayMs);
      else cancel = clock.after(delayMs, act);
    },
    held() {
      failures = 0;
      clockEveryMs = clockCheckEveryMsMin;
    },
    stop: () => cancel(),
  };
}
