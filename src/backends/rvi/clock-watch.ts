// A device without a clock battery starts in 1970 and rejects every certificate until its clock is
// set. While a retry waits for that reason, a step of the clock ends the wait.
import { hasStepped } from '../../core/backoff.ts';
import { clockCheckEveryMs } from '../../limits.ts';
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

  function check(before: ReturnType<typeof instant>): void {
    cancel = clock.after(clockCheckEveryMs, () => {
      cancel = undefined;
      if (!isWaiting()) return;
      if (hasStepped(before, instant())) onStep();
      else check(before);
    });
  }

  return {
    start() {
      if (cancel === undefined) check(instant());
    },
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}
