// The shell around the policy: events in, one commit at a time, then effects. State in memory
// runs ahead of flash only inside a commit; one that fails is as if it had not begun.
import { applyAll, replay } from '../core/apply.ts';
import { decide } from '../core/decide.ts';
import { snapshot } from '../core/snapshot.ts';
import { nextDueMs } from '../core/timers.ts';
import { eventsBatchMax, eventsQueuedMax, storageDelayMs } from '../limits.ts';
import type { Effect, Event, Fact, Write } from '../core/events.ts';
import type { State } from '../core/model.ts';
import type { Settings } from '../core/settings.ts';
import type { Clock, Log, Random } from '../host/ports.ts';
import type { Store } from '../store/store.ts';

export type Agent = {
  /** Resolves when what the event changed is durable. */
  submit(event: Event): Promise<void>;
  /** What is on flash, and what this boot knows. */
  state(): State;
  /** Why nothing is written at the moment; undefined: all is well. */
  trouble(): string | undefined;
  isFull(): boolean;
  /** What has not moved for longer than that; undefined: it works, or waits as it should. */
  stuck(limitMs: number): string | undefined;
  /** Called after each commit. */
  onChange(listener: () => void): () => void;
  /** Runs until `stop`, or until a broken promise of ours (a failed fsync) rejects. */
  run(): Promise<void>;
  stop(): void;
  /** Makes `run` reject: a promise of ours was broken outside of a commit. */
  fail(error: unknown): void;
};

export type AgentParts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: Settings;
  readonly store: Store;
  /** Starts an effect; its end comes back as an event. `writes` are those of the same commit. */
  readonly execute: (effect: Effect, state: State, writes: readonly Write[]) => void;
};

type Waiting = { readonly event: Event; readonly done: () => void };

type Batch = {
  readonly state: State;
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
  readonly writes: readonly Write[];
};

export function createAgent(parts: AgentParts): Agent {
  const { clock, random, log, settings, store } = parts;
  let state = replay(store.facts);
  let queue: Waiting[] = [];
  let wake: () => void = () => undefined;
  let trouble: string | undefined;
  let isStopped = false;
  let commitSinceMs: number | undefined;
  let broken: { readonly error: unknown } | undefined;
  let cancelTimer: () => void = () => undefined;
  const listeners = new Set<() => void>();

  function submit(event: Event): Promise<void> {
    return new Promise((done) => {
      queue.push({ event, done });
      wake();
    });
  }

  async function run(): Promise<void> {
    try {
      while (!isStopped) await turn();
    } finally {
      // A timer that is left would keep the process from ending.
      cancelTimer();
    }
  }

  async function turn(): Promise<void> {
    const isIdle = queue.length === 0 && broken === undefined;
    if (isIdle) await new Promise<void>((resolve) => (wake = resolve));
    mustBeSound();
    const batch = queue.slice(0, eventsBatchMax);
    queue = queue.slice(eventsBatchMax);
    commitSinceMs = clock.nowMs();
    const isCommitted = await commit(batch);
    commitSinceMs = undefined;
    if (isCommitted) return;
    queue = [...batch, ...queue];
    await new Promise<void>((resolve) => clock.after(storageDelayMs, resolve));
  }

  /** False: the disk refused, nothing has changed, the same events are to come again. */
  async function commit(waiting: readonly Waiting[]): Promise<boolean> {
    const batch = await decideAll(waiting);
    if (batch.facts.length > 0 || batch.writes.length > 0) {
      const committed = await store.commit(batch.facts);
      if (!committed.ok) return refused(`${committed.code}: ${committed.reason}`);
    }
    mustBeSound();
    if (trouble !== undefined) log('info', 'storage-well', {});
    trouble = undefined;
    state = batch.state;
    for (const effect of batch.effects) parts.execute(effect, state, batch.writes);
    for (const { done } of waiting) done();
    for (const listener of listeners) listener();
    setTimer();
    if (store.isSlack()) await shorten();
    return true;
  }

  /** Each event sees what the ones before it in the batch changed. */
  async function decideAll(waiting: readonly Waiting[]): Promise<Batch> {
    let next = state;
    const facts: Fact[] = [];
    const effects: Effect[] = [];
    const writes: Write[] = [];
    for (const { event } of waiting) {
      const moment = { nowMs: clock.nowMs(), roll: random.unit() };
      const decided = decide(settings, next, event, moment);
      if (!(await writeAll(decided.writes))) continue;
      next = applyAll(next, decided.facts, decided.notes);
      facts.push(...decided.facts);
      effects.push(...decided.effects);
      writes.push(...decided.writes);
    }
    return { state: next, facts, effects, writes };
  }

  /** A refused write takes its facts and its ack along; the server sends the chunk again. */
  async function writeAll(writes: readonly Write[]): Promise<boolean> {
    for (const write of writes) {
      const written = await store.data.write(write);
      if (written.ok) continue;
      const { number, chunkIndex } = write;
      const reason = `${written.code}: ${written.reason}`;
      void submit({ kind: 'chunk-not-written', number, chunkIndex, reason });
      return false;
    }
    return true;
  }

  function stuck(limitMs: number): string | undefined {
    const latestMs = clock.nowMs() - limitMs;
    if (commitSinceMs !== undefined && commitSinceMs < latestMs) return 'a commit does not end';
    // Storage that refuses is tried again, and everything else waits for it.
    if (trouble !== undefined) return undefined;
    const dueMs = nextDueMs(state);
    return dueMs !== undefined && dueMs < latestMs ? 'what is due is not done' : undefined;
  }

  function mustBeSound(): void {
    if (broken !== undefined) throw broken.error;
  }

  function refused(reason: string): false {
    if (trouble === undefined) log('error', 'storage-trouble', { reason });
    trouble = reason;
    return false;
  }

  async function shorten(): Promise<void> {
    const shortened = await store.rewrite(snapshot(state));
    if (!shortened.ok) log('warn', 'journal-not-shortened', { reason: shortened.reason });
  }

  function setTimer(): void {
    cancelTimer();
    const dueMs = nextDueMs(state);
    if (dueMs === undefined) return;
    const delayMs = Math.max(0, dueMs - clock.nowMs());
    cancelTimer = clock.after(delayMs, () => void submit({ kind: 'tick' }));
  }

  return {
    submit,
    state: () => state,
    trouble: () => trouble,
    isFull: () => queue.length >= eventsQueuedMax,
    stuck,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    run,
    stop: () => {
      isStopped = true;
      wake();
    },
    fail: (error) => {
      broken ??= { error };
      wake();
    },
  };
}
