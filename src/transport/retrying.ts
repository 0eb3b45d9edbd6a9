import { backoffMs } from '../core/retry.ts';
import { reconnectDelayMsMax, reconnectDelayMsMin } from '../limits.ts';
import type { TransportPorts } from './transport.ts';

export type Retry = {
  /** Acts after the next delay: exponential, with full jitter. */
  again(act: () => void): void;
  /** What was tried has held: the next delay is a short one. */
  held(): void;
  stop(): void;
};

export function createRetry({ clock, random }: TransportPorts): Retry {
  let failures = 0;
  let cancel: () => void = () => undefined;
  return {
    again(act) {
      const delayMs = backoffMs(failures, reconnectDelayMsMin, reconnectDelayMsMax, random.unit());
      failures += 1;
      cancel = clock.after(delayMs, act);
    },
    held() {
      failures = 0;
    },
    stop: () => cancel(),
  };
}
