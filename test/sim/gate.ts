// The gate of every operation on the simulated hardware. It counts operations, interrupts before or
// after the N-th one, and lets the N-th one fail. A sync takes effect at the end of its latency, so
// syncs that begin together end in any order, and an interruption may fall between them.
import type { DiskFailure, DiskResult } from '../../src/host/ports.ts';
import type { Breath, Timeline } from './clock.ts';
import type { Survival } from './power-loss.ts';

export type Side = 'before' | 'after';
/** `power`: unsynced data may be lost. `kill`: only the process ends. */
export type CutKind = 'power' | 'kill';
export type Cut = {
  readonly operation: number;
  readonly side: Side;
  readonly kind: CutKind;
  /** What a power loss leaves of the unsynced changes; without it the seed decides. */
  readonly left?: { readonly data: Survival; readonly journal: Survival };
};
/** What is interrupted here, and how. */
export type CutHere = Omit<Cut, 'operation'>;

export type DiskFault = {
  /** Number among all operations, reads included, of the whole run. */
  readonly operation: number;
  readonly code: 'EIO' | 'ENOSPC' | 'EROFS' | 'EMFILE' | 'short';
  /** How many operations from there fail, of those that can fail so. */
  readonly count: number;
};

export type Verb =
  | 'open'
  | 'create'
  | 'write'
  | 'read'
  | 'truncate'
  | 'size'
  | 'sync'
  | 'list'
  | 'make'
  | 'rename'
  | 'remove'
  | 'sync-names'
  | 'free'
  | 'reserve'
  | 'install';

export type Operation = { readonly verb: Verb; readonly path: string };

export type Gate = {
  /** Runs the operation, or lets it fail, or ends the process there: then it never returns. */
  pass<T>(
    life: Breath,
    operation: Operation,
    perform: () => T,
    fail: (code: DiskFault['code']) => T,
  ): Promise<T>;
  /**
   * Number of operations that changed something, a sync when it ended; interruptions are counted
   * by it.
   */
  readonly changes: () => number;
  /** The kind of each operation, in order; faults are counted by it. */
  readonly operations: () => readonly Verb[];
  readonly faultsDone: () => number;
};

export type GateOptions = {
  readonly timeline: Timeline;
  /** Called at each change; returns the interruption at this change, if any. */
  readonly cutAt: (operation: number) => CutHere | undefined;
  readonly faults: readonly DiskFault[];
  readonly latencyMs: () => number;
  readonly syncLatencyMs: () => number;
  readonly onCut: (cut: CutHere) => void;
  readonly onOperation: (operation: Operation) => void;
  /** Called after each change. */
  readonly onChanged: () => void;
  readonly onFault: (code: DiskFault['code']) => void;
};

/** Operations that change nothing. */
export const reading: readonly Verb[] = ['open', 'read', 'size', 'list', 'free'];
const syncing: readonly Verb[] = ['sync', 'sync-names'];

/** The operations that can fail with each code. */
export const failing: { readonly [code in DiskFault['code']]: readonly Verb[] } = {
  EIO: [
    ...(['open', 'create', 'write', 'read', 'truncate', 'size', 'sync', 'list'] as const),
    ...(['make', 'rename', 'remove', 'sync-names', 'free', 'reserve'] as const),
  ],
  ENOSPC: ['create', 'write', 'make', 'reserve', 'rename', 'sync'],
  EROFS: ['create', 'write', 'truncate', 'make', 'rename', 'remove', 'reserve'],
  EMFILE: ['open', 'create', 'list', 'sync-names'],
  short: ['write'],
};

export function createGate(options: GateOptions): Gate {
  const { timeline } = options;
  let changes = 0;
  const operations: Verb[] = [];
  let faultsDone = 0;
  const left = options.faults.map((fault) => ({ ...fault }));

  function pass<T>(
    life: Breath,
    operation: Operation,
    perform: () => T,
    fail: (code: DiskFault['code']) => T,
  ): Promise<T> {
    if (!life.isAlive()) return never();
    operations.push(operation.verb);
    const code = faultOf(operation.verb);
    const act = () => {
      if (code !== undefined) options.onFault(code);
      return code === undefined ? perform() : fail(code);
    };
    if (!syncing.includes(operation.verb)) {
      const result = take(operation, act);
      return result === undefined ? never() : later(life, result.value);
    }
    return new Promise((resolve) => {
      timeline.after(options.syncLatencyMs(), () => {
        const result = life.isAlive() ? take(operation, act) : undefined;
        if (result !== undefined) resolve(result.value);
      });
    });
  }

  /** Returns undefined if the process ended here. */
  function take<T>(operation: Operation, act: () => T): { readonly value: T } | undefined {
    const isChange = !reading.includes(operation.verb);
    if (isChange) changes += 1;
    options.onOperation(operation);
    const cut = isChange ? options.cutAt(changes) : undefined;
    if (cut?.side === 'before') {
      options.onCut(cut);
      return undefined;
    }
    const value = act();
    if (isChange) options.onChanged();
    if (cut?.side === 'after') {
      options.onCut(cut);
      return undefined;
    }
    return { value };
  }

  function faultOf(verb: Verb): DiskFault['code'] | undefined {
    const isDue = ({ operation, count }: DiskFault) => count > 0 && operations.length >= operation;
    const due = left.find((fault) => isDue(fault) && failing[fault.code].includes(verb));
    if (due === undefined) return undefined;
    due.count -= 1;
    faultsDone += 1;
    return due.code;
  }

  function later<T>(life: Breath, result: T): Promise<T> {
    const delayMs = options.latencyMs();
    if (delayMs === 0) return Promise.resolve(result);
    return new Promise((resolve) => {
      timeline.after(delayMs, () => {
        if (life.isAlive()) resolve(result);
      });
    });
  }

  return {
    pass,
    changes: () => changes,
    operations: () => operations,
    faultsDone: () => faultsDone,
  };
}

/** Returns a new promise each time: a shared one would keep all its waiters in memory. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

export function failure(code: string): DiskFailure {
  return { ok: false, code, reason: `${code}: simulated` };
}

export const done: DiskResult<void> = { ok: true, value: undefined };
