// A device without a clock battery starts in 1970 and rejects every certificate until its clock is
// set. While a retry waits for that reason, a step of the clock ends the wait.
import { hasStepped } from '../../core/backoff.ts';
import { clockCheckEveryMsMax, clockCheckEveryMsMin } from '../../limits.ts';
import type { Clock } from '../../host/ports.ts';

export type ClockWatch = {
  /** Checks the clock until it steps, or until no retry waits for it. */
  start(): void;
  stop(): void;
};

export function createClockWatch(
  clock: Clock,
  isWaiting: () => boolean,
  onStep: () => void,
): ClockWatch {
  let cancel: (() => void) | undefined;
  const instant = () => ({ nowMs: clock.nowMs(), wallMs: clock.wallMs() });

  function check(everyMs: number, before: ReturnType<typeof instant>): void {
    cancel = clock.after(everyMs, () => {
      cancel = undefined;
      if (!isWaiting()) return;
      const now = instant();
      if (hasStepped(before, now)) onStep();
      else check(Math.min(2 * everyMs, clockCheckEveryMsMax), now);
    });
  }

  return {
    start() {
      if (cancel === undefined) check(clockCheckEveryMsMin, instant());
    },
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}
