// The event loop: takes events, commits one batch at a time, then executes effects. The state in
// memory changes only after a successful commit. A failed commit changes nothing.
import { keyOf, label } from '../core/decision-helpers.ts';
import { eventsBatchMax, eventsQueuedMax, stopCommitDelayMs, stopCommitsMax } from '../limits.ts';
import { storageDelayMs } from '../limits.ts';
import { policy } from './backend.ts';
import type { Write } from '../core/events.ts';
import type { Settings } from '../settings.ts';
import type { Clock, Log, Random } from '../host/ports.ts';
import type { Store } from '../store/store.ts';
import type { Effect, Event, Fact, State } from './backend.ts';

export type Agent = {
  /** Resolves when the changes are durable, or when the event is dropped because of a stop. */
  submit(event: Event): Promise<void>;
  /** The state of the facts on flash and of the volatile facts. */
  state(): State;
  /** Why commits fail; undefined: they succeed. */
  storageError(): string | undefined;
  isFull(): boolean;
  /** Returns what made no progress for `limitMs`; undefined: the agent works or waits normally. */
  stuck(limitMs: number): string | undefined;
  /** Called after each commit. */
  onChange(listener: () => void): () => void;
  /**
   * Runs until `stop`, and until the programs of `waitsFor` have ended and their outcomes are
   * durable. Rejects if an internal invariant fails (a failed fsync).
   */
  run(): Promise<void>;
  /** After this call the agent starts no new work, and accepts only outcomes and progress. */
  stop(): void;
  /** Resolves at `stop`. */
  readonly stopping: Promise<void>;
  isStopping(): boolean;
  /** Running programs that report their outcome to this process, such as `install of maps 1.0`. */
  waitsFor(): readonly string[];
  /** Makes `run` reject: an internal invariant failed outside of a commit. */
  fail(error: unknown): void;
};

export type AgentParts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: Settings;
  readonly store: Store<State, Fact>;
  /** Starts an effect; an event reports its end. `writes`: those of the same commit. */
  readonly execute: (effect: Effect, state: State, writes: readonly Write[]) => void;
};

/** Effects that run a program, and the event with its outcome. Only this process receives it. */
const outcomes: ReadonlyMap<Effect['kind'], Event['kind']> = new Map([
  ['install', 'install-ended'],
  ['check', 'checked'],
  ['reboot', 'reboot-requested'],
]);

type Waiting = { readonly event: Event; readonly done: () => void };

type Batch = {
  readonly state: State;
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
  readonly writes: readonly Write[];
};

export function createAgent(parts: AgentParts): Agent {
  const { clock, random, log, settings, store } = parts;
  let { state } = store;
  let queue: Waiting[] = [];
  let wake: () => void = () => undefined;
  let storageError: string | undefined;
  let isStopped = false;
  let commitSinceMs: number | undefined;
  let broken: { readonly error: unknown } | undefined;
  let cancelTimer: () => void = () => undefined;
  const listeners = new Set<() => void>();
  let endPause: () => void = () => undefined;
  let failedCommitsAtStop = 0;
  /** Descriptions of running programs, by the key of the event that ends each. */
  const runningPrograms = new Map<string, string>();
  let resolveStopping: () => void = () => undefined;
  const stopping = new Promise<void>((resolve) => (resolveStopping = resolve));

  function submit(event: Event): Promise<void> {
    if (isStopped && !isAcceptedAtStop(event)) return Promise.resolve();
    return new Promise((done) => {
      queue.push({ event, done });
      wake();
    });
  }

  function isAcceptedAtStop(event: Event): boolean {
    return runningPrograms.has(outcomeKey(event)) || event.kind === 'progress';
  }

  async function run(): Promise<void> {
    try {
      while (!isStopped || (runningPrograms.size > 0 && failedCommitsAtStop < stopCommitsMax))
        await turn();
    } finally {
      // A running timer would keep the process alive.
      cancelTimer();
    }
  }

  async function turn(): Promise<void> {
    const isIdle = queue.length === 0 && broken === undefined;
    if (isIdle) await new Promise<void>((resolve) => (wake = resolve));
    throwIfFailed();
    const batch = queue.slice(0, eventsBatchMax);
    queue = queue.slice(eventsBatchMax);
    commitSinceMs = clock.nowMs();
    const isCommitted = await commit(batch);
    commitSinceMs = undefined;
    if (isCommitted) return;
    queue = [...batch, ...queue];
    if (isStopped) failedCommitsAtStop += 1;
    await pause(isStopped ? stopCommitDelayMs : storageDelayMs);
  }

  function pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(delayMs, resolve);
      endPause = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Returns false if the storage failed: nothing has changed, and the events are retried. */
  async function commit(waiting: readonly Waiting[]): Promise<boolean> {
    const batch = await decideAll(waiting);
    if (batch.facts.length > 0 || batch.writes.length > 0) {
      const committed = await store.commit(batch.facts);
      if (!committed.ok) return refused(`${committed.code}: ${committed.reason}`);
    }
    throwIfFailed();
    if (storageError !== undefined) log('info', 'storage-recovered', {});
    storageError = undefined;
    state = batch.state;
    for (const { event } of waiting) runningPrograms.delete(outcomeKey(event));
    for (const effect of batch.effects) execute(effect, batch.writes);
    for (const { done } of waiting) done();
    for (const listener of listeners) listener();
    setTimer();
    if (store.isSlack()) await compact();
    return true;
  }

  function execute(effect: Effect, writes: readonly Write[]): void {
    // The next start resumes the remaining work from the state on flash.
    if (isStopped && effect.kind !== 'log') return;
    const outcome = outcomes.get(effect.kind);
    if (outcome !== undefined && 'id' in effect) {
      runningPrograms.set(
        `${outcome} ${keyOf(effect.id)}`,
        `${effect.kind} of ${label(effect.id)}`,
      );
    }
    parts.execute(effect, state, writes);
  }

  /** Each event is decided on the state after the previous event of the batch. */
  async function decideAll(waiting: readonly Waiting[]): Promise<Batch> {
    let next = state;
    const facts: Fact[] = [];
    const effects: Effect[] = [];
    const writes: Write[] = [];
    for (const { event } of waiting) {
      const moment = { nowMs: clock.nowMs(), random: random.unit() };
      const { decided, next: after } = policy.step(settings, next, event, moment);
      if (!(await writeAll(decided.writes))) continue;
      next = after;
      facts.push(...decided.facts);
      effects.push(...decided.effects);
      writes.push(...decided.writes);
    }
    return { state: next, facts, effects, writes };
  }

  /** If a write fails, its facts and its ack are dropped; the server sends the chunk again. */
  async function writeAll(writes: readonly Write[]): Promise<boolean> {
    for (const write of writes) {
      const written = await store.data.write(write);
      if (written.ok) continue;
      const { number, chunkIndex } = write;
      const { code } = written;
      const reason = `${code}: ${written.reason}`;
      void submit({ kind: 'chunk-write-failed', number, chunkIndex, code, reason });
      return false;
    }
    return true;
  }

  function stuck(limitMs: number): string | undefined {
    const latestMs = clock.nowMs() - limitMs;
    if (commitSinceMs !== undefined && commitSinceMs < latestMs) return 'a commit is not complete';
    // Failed commits are retried, and all other work waits for them.
    if (storageError !== undefined || isStopped) return undefined;
    const dueMs = policy.nextDueMs(state);
    return dueMs !== undefined && dueMs < latestMs ? 'an action is overdue' : undefined;
  }

  function throwIfFailed(): void {
    if (broken !== undefined) throw broken.error;
  }

  function refused(reason: string): false {
    if (storageError === undefined) log('error', 'storage-write-failed', { reason });
    storageError = reason;
    return false;
  }

  async function compact(): Promise<void> {
    const shortened = await store.rewrite(policy.snapshot(state));
    if (!shortened.ok)
      return log('warn', 'journal-compaction-failed', { reason: shortened.reason });
    // The new file has no reserved blocks. The reservation starts a program, so commits do not
    // wait for it.
    void store.reserveBlocks();
  }

  function setTimer(): void {
    cancelTimer();
    const dueMs = policy.nextDueMs(state);
    if (dueMs === undefined || isStopped) return;
    const delayMs = Math.max(0, dueMs - clock.nowMs());
    cancelTimer = clock.after(delayMs, () => void submit({ kind: 'tick' }));
  }

  return {
    submit,
    state: () => state,
    storageError: () => storageError,
    isFull: () => queue.length >= eventsQueuedMax,
    stuck,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    run,
    stop: () => {
      isStopped = true;
      cancelTimer();
      for (const { event, done } of queue) if (!isAcceptedAtStop(event)) done();
      queue = queue.filter(({ event }) => isAcceptedAtStop(event));
      resolveStopping();
      endPause();
      wake();
    },
    stopping,
    isStopping: () => isStopped,
    waitsFor: () => [...runningPrograms.values()],
    fail: (error) => {
      broken ??= { error };
      wake();
    },
  };
}

function outcomeKey(event: Event): string {
  return 'id' in event && event.id !== undefined ? `${event.kind} ${keyOf(event.id)}` : '';
}
