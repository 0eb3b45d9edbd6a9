// The narrow place that every operation on the world's hardware goes through: it counts, it cuts
// the power before or after the N-th one, and it lets the N-th one fail.
import type { DiskFailure, DiskResult } from '../../src/host/ports.ts';
import type { Breath, Timeline } from './clock.ts';

export type Side = 'before' | 'after';
/** `power`: what was not synced is at risk. `kill`: only the process is gone. */
export type CutKind = 'power' | 'kill';
export type Cut = { readonly operation: number; readonly side: Side; readonly kind: CutKind };

export type DiskFault = {
  /** Of all operations, reads too, counted over the whole run. */
  readonly operation: number;
  readonly code: 'EIO' | 'ENOSPC' | 'EROFS' | 'EMFILE' | 'short';
  /** How many operations from there on fail, of those that can fail so. */
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
  /** Does it, or lets it fail, or lets the life end there: then nothing ever comes back. */
  pass<T>(
    life: Breath,
    operation: Operation,
    perform: () => T,
    fail: (code: DiskFault['code']) => T,
  ): Promise<T>;
  /** Operations that change something, so far: what cuts are counted by. */
  readonly changes: () => number;
  /** What each of all was, in order: what faults are counted by. */
  readonly operations: () => readonly Verb[];
  readonly faultsDone: () => number;
};

export type GateOptions = {
  readonly timeline: Timeline;
  /** Asked at each change: is the power cut there? */
  readonly cutAt: (operation: number) => Pick<Cut, 'side' | 'kind'> | undefined;
  readonly faults: readonly DiskFault[];
  readonly latencyMs: () => number;
  readonly onCut: (kind: CutKind) => void;
  readonly onOperation: (operation: Operation) => void;
  /** Something has just changed. */
  readonly onChanged: () => void;
  readonly onFault: (code: DiskFault['code']) => void;
};

const reading: readonly Verb[] = ['open', 'read', 'size', 'list', 'free'];

/** Which operations can fail in which way. */
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
    const isChange = !reading.includes(operation.verb);
    if (isChange) changes += 1;
    options.onOperation(operation);
    const cut = isChange ? options.cutAt(changes) : undefined;
    if (cut?.side === 'before') {
      options.onCut(cut.kind);
      return never();
    }
    const code = faultOf(operation.verb);
    if (code !== undefined) options.onFault(code);
    const result = code === undefined ? perform() : fail(code);
    if (isChange) options.onChanged();
    if (cut?.side === 'after') {
      options.onCut(cut.kind);
      return never();
    }
    return later(life, result);
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

/** One of its own each time: a shared one would hold on to all who ever waited for it. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

export function failure(code: string): DiskFailure {
  return { ok: false, code, reason: `${code}: simulated` };
}

export const done: DiskResult<void> = { ok: true, value: undefined };
