// The interface of a part of the bench. A part measures one thing, and compares each figure that
// has an aim with it. `ONLY=NAME make bench` runs one part alone.
import type { Usage } from './proc.ts';
import type { Payload } from './sender.ts';

export type Part = {
  readonly name: string;
  /** Printed above the figures: what is measured, and how. */
  readonly about: string;
  /** The part waits and uses no CPU. It starts before the other parts and runs next to them. */
  readonly isQuiet?: true;
  run(bench: Bench): Promise<Result>;
};

export type Result = {
  readonly table: Table;
  readonly findings: readonly Finding[];
};

/** The first row is the head; the first cell of each row is its name. */
export type Table = readonly (readonly string[])[];

/** A figure with an aim: a value that must not be exceeded. */
export type Finding = {
  readonly what: string;
  readonly value: number;
  readonly aim: number;
  readonly digits: number;
};

export type Bench = {
  /** A folder for the whole run, on the disk of the tree. */
  readonly folder: string;
  /** BENCH_MIB of random bytes. */
  payload(): Payload;
  readonly mib: number;
  readonly rounds: number;
  /** Peaks of the Node of the executable without any work: the median of some starts. */
  idleNode(): Promise<Usage>;
  /** Resolves when all parts have ended that use CPU. */
  readonly othersEnded: Promise<void>;
  progress(text: string): void;
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1] ?? NaN, sorted[sorted.length >> 1] ?? NaN];
  return (low + high) / 2;
}
