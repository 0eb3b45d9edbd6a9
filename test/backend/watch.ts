// Waits until a log of messages satisfies a condition; if it does not, the error shows the last
// messages.
import { afterIdle, idleMsMax } from '../support/idle.ts';
import type { SeenMessage } from './seen.ts';

export type Watch = {
  /** Checks the waits, after everything that follows from the change has run, too. */
  changed(): void;
  until(what: string, holds: () => boolean, limitMs?: number): Promise<void>;
  end(): void;
};

export function createWatch(log: () => readonly SeenMessage[]): Watch {
  const looks = new Set<() => void>();
  const ends = new Set<(why: string) => void>();
  let isDue = false;

  function changed(): void {
    if (isDue) return;
    isDue = true;
    queueMicrotask(() => {
      isDue = false;
      for (const look of looks) look();
    });
  }

  function until(what: string, holds: () => boolean, limitMs = idleMsMax): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        cancel();
        looks.delete(look);
        ends.delete(fail);
        act();
      };
      const look = () => {
        try {
          if (holds()) settle(resolve);
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const fail = (why: string) =>
        settle(() => reject(new Error([`${why}: ${what}`, ...tail(log())].join('\n'))));
      const cancel = afterIdle(limitMs, () => fail(`nothing moved for ${limitMs} ms`));
      looks.add(look);
      ends.add(fail);
      look();
    });
  }

  return {
    changed,
    until,
    end: () => {
      for (const end of ends) end('the backend was stopped before');
    },
  };
}

const tail = (log: readonly SeenMessage[]) =>
  log.slice(-8).map((message) => JSON.stringify(message).slice(0, 300));
