// Counts rejected requests. A peer may send thousands per second. So the rejections of a short time
// become one event, whose commit writes nothing.
import { refusalsEveryMs } from '../../limits.ts';
import type { Event } from '../../core/events.ts';
import type { Clock } from '../../host/ports.ts';

type Refused = Extract<Event, { readonly kind: 'refused' }>;

export type Refusals = {
  readonly add: () => void;
  /** Stops the timer, which would keep the process running. */
  readonly stop: () => void;
};

export function createRefusals(clock: Clock, submit: (event: Refused) => void): Refusals {
  let count = 0;
  let cancel: (() => void) | undefined;
  let isStopped = false;

  function tell(): void {
    cancel = undefined;
    submit({ kind: 'refused', count });
    count = 0;
  }

  return {
    add() {
      count += 1;
      if (!isStopped) cancel ??= clock.after(refusalsEveryMs, tell);
    },
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
