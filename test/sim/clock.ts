// Virtual time. Everything in the simulated world waits on this clock only, so that a seed replays
// a run exactly. Between two events every promise that can settle is settled.
import type { Clock } from '../../src/host/ports.ts';

export type Timeline = {
  nowMs(): number;
  /** Calls `act` once, `delayMs` from now; the returned function cancels it. */
  after(delayMs: number, act: () => void): () => void;
  /** Runs one event after the other until `isOver`, or until a limit is reached. */
  run(isOver: () => boolean, limits: Limits): Promise<Ending>;
};

export type Limits = { readonly timeMs: number; readonly events: number };
/** `idle`: there are no further events. */
export type Ending = 'over' | 'idle' | 'too-long' | 'too-many-events';

type Entry = { readonly atMs: number; readonly order: number; act: (() => void) | undefined };

export function createTimeline(): Timeline {
  const heap = createHeap();
  let nowMs = 0;
  let order = 0;

  function after(delayMs: number, act: () => void): () => void {
    const entry: Entry = { atMs: nowMs + Math.max(0, delayMs), order: order++, act };
    heap.push(entry);
    return () => {
      entry.act = undefined;
    };
  }

  function run(isOver: () => boolean, limits: Limits): Promise<Ending> {
    let eventsLeft = limits.events;
    return new Promise((resolve) => {
      const step = () => {
        if (isOver()) return resolve('over');
        const next = nextEntry();
        if (next?.act === undefined) return resolve('idle');
        if (next.atMs > limits.timeMs) {
          // The event is after the limit and stays in the queue.
          heap.push(next);
          return resolve('too-long');
        }
        if (eventsLeft-- === 0) return resolve('too-many-events');
        nowMs = next.atMs;
        next.act();
        // One turn of the real loop: promises settle, and unhandled rejections are reported.
        setImmediate(step);
      };
      setImmediate(step);
    });
  }

  function nextEntry(): Entry | undefined {
    for (let next = heap.pop(); next !== undefined; next = heap.pop()) {
      if (next.act !== undefined) return next;
    }
    return undefined;
  }

  return { nowMs: () => nowMs, after, run };
}

function createHeap() {
  const entries: Entry[] = [];
  const isBefore = (a: Entry | undefined, b: Entry | undefined) =>
    a !== undefined &&
    (b === undefined || a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));

  function swap(a: number, b: number): void {
    const [left, right] = [entries[a], entries[b]];
    if (left === undefined || right === undefined) return;
    entries[a] = right;
    entries[b] = left;
  }

  function push(entry: Entry): void {
    let at = entries.push(entry) - 1;
    for (let up = (at - 1) >> 1; at > 0 && isBefore(entries[at], entries[up]); up = (at - 1) >> 1) {
      swap(at, up);
      at = up;
    }
  }

  function pop(): Entry | undefined {
    const first = entries[0];
    const last = entries.pop();
    if (first === undefined || last === undefined || entries.length === 0) return first;
    entries[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [at * 2 + 1, at * 2 + 2];
      const least = isBefore(entries[right], entries[left]) ? right : left;
      if (!isBefore(entries[least], entries[at])) return first;
      swap(at, least);
      at = least;
    }
  }

  return { push, pop };
}

/** Whether its process still runs; a dead process gets no timer and no response. */
export type Breath = { isAlive(): boolean };

/**
 * The clock of one process: monotonic from its start, with the wall clock that the journey gives.
 */
export function createClock(timeline: Timeline, life: Breath, wallMs: () => number): Clock {
  const bornMs = timeline.nowMs();
  return {
    // A fraction, as in the real clock: code that needs whole numbers must round.
    nowMs: () => timeline.nowMs() - bornMs + 0.25,
    wallMs,
    after: (delayMs, act) =>
      timeline.after(delayMs, () => {
        if (life.isAlive()) act();
      }),
  };
}
