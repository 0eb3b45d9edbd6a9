// What a run is given, what came of it, and what a journey may do in it. Types only.
import type { State } from '../../src/agent/rvi-policy.ts';
import type { SeenMessage } from '../backend/seen.ts';
import type { Timeline } from './clock.ts';
import type { Conditions } from './conditions.ts';
import type { DirectoryNode } from './flash.ts';
import type { Cut, CutKind, DiskFault, Verb } from './gate.ts';
import type { Software } from './installers.ts';
import type { Journey } from './journeys.ts';
import type { Oracle } from './oracle.ts';
import type { Sample } from './packages.ts';
import type { Backend } from './server.ts';

export type CutPlan =
  | { readonly kind: 'list'; readonly cuts: readonly Cut[] }
  /** So many, at random, each soon after the one before. */
  | { readonly kind: 'random'; readonly depth: number };

/** All of a run follows from this. */
export type Scenario = {
  readonly journey: Journey;
  readonly seed: number;
  readonly plan: CutPlan;
  readonly faults: readonly DiskFault[];
  readonly trace?: (line: string) => void;
  /** The journal, before each operation of the disk. */
  readonly onJournal?: (journal: Buffer) => void;
};

export type Outcome = {
  /** What did not hold, first of all; undefined: all did. */
  readonly failure: string | undefined;
  /** Operations that change something: where cuts can be. */
  readonly changes: number;
  /** What each operation was, in order: where faults can be. */
  readonly operations: readonly Verb[];
  readonly cuts: number;
  readonly faults: number;
  readonly lives: number;
  readonly chunksAgain: number;
  readonly worldMs: number;
};

/** What a journey may use to make things happen. */
export type Stage = {
  readonly timeline: Timeline;
  readonly backend: Backend;
  readonly conditions: Conditions;
  readonly software: Software;
  readonly root: DirectoryNode;
  readonly oracle: Oracle;
  readonly seed: number;
  readonly packages: readonly Sample[];
  readonly usedBytes: () => number;
  readonly state: () => State | undefined;
  /** Messages between vehicle and server, as the server sees them. */
  onSeen(act: (message: SeenMessage) => void): void;
  cut(kind: CutKind): void;
  lives(): number;
};
