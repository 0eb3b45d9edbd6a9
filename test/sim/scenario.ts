// Types only: the input of a run, its result, and what a journey may do in it.
import type { State } from '../../src/agent/backend.ts';
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
  /** A number of random interruptions with short gaps. */
  | { readonly kind: 'random'; readonly depth: number };

/** The complete input of a run. */
export type Scenario = {
  readonly journey: Journey;
  readonly seed: number;
  readonly plan: CutPlan;
  readonly faults: readonly DiskFault[];
  readonly trace?: (line: string) => void;
  /** Called with the journal before each operation of the disk. */
  readonly onJournal?: (journal: Buffer) => void;
};

export type Outcome = {
  /** The first invariant that failed; undefined if none did. */
  readonly failure: string | undefined;
  /** Number of operations that change something: the places of interruptions. */
  readonly changes: number;
  /** The kind of each operation, in order: the places of faults. */
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
  /** Messages between vehicle and server, as the server receives and sends them. */
  onSeen(act: (message: SeenMessage) => void): void;
  cut(kind: CutKind): void;
  lives(): number;
};
