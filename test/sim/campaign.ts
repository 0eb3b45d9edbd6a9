// Runs many scenarios: each single interruption, all pairs, interruptions nested to a depth, each
// error of the disk, all that may be left of data and journal. A failure is kept as the command
// that replays it.
import { survivals } from './power-loss.ts';
import { failing, reading } from './gate.ts';
import { codes, lineOf } from './replay.ts';
import { simulate } from './world.ts';
import type { Cut, CutKind, DiskFault, Side } from './gate.ts';
import type { Journey } from './journeys.ts';
import type { CutPlan, Outcome, Scenario } from './scenario.ts';

export type Tally = {
  runs: number;
  /** Operations of the disk and the installers, in the runs without an interruption. */
  operations: number;
  /** Runs with one interruption, with two, and the interruptions of runs with many. */
  singles: number;
  pairs: number;
  nested: number;
  faults: number;
  /** Interruptions of all kinds that really took place. */
  cuts: number;
  worldMs: number;
  readonly failures: string[];
};

export function newTally(): Tally {
  const counts = { runs: 0, operations: 0, singles: 0, pairs: 0, nested: 0, faults: 0 };
  return { ...counts, cuts: 0, worldMs: 0, failures: [] };
}

export function sum(tallies: readonly Tally[]): Tally {
  const all = newTally();
  for (const one of tallies) {
    all.runs += one.runs;
    all.operations += one.operations;
    all.singles += one.singles;
    all.pairs += one.pairs;
    all.nested += one.nested;
    all.faults += one.faults;
    all.cuts += one.cuts;
    all.worldMs += one.worldMs;
    all.failures.push(...one.failures);
  }
  return all;
}

/** A failure at one operation repeats at its neighbours, so the first few lines are sufficient. */
const failuresMax = 5;
const noCuts: CutPlan = { kind: 'list', cuts: [] };

async function attempt(tally: Tally, scenario: Scenario): Promise<Outcome> {
  const outcome = await simulate(scenario);
  tally.runs += 1;
  tally.cuts += outcome.cuts;
  tally.worldMs += outcome.worldMs;
  const { failure } = outcome;
  if (failure !== undefined) tally.failures.push(`${lineOf(scenario)}  # ${failure}`);
  return outcome;
}

const isHopeless = ({ failures }: Tally) => failures.length >= failuresMax;

/**
 * Runs without interruption or error; without transport faults the seed does not change the result.
 */
export async function dry(journey: Journey, seed: number, tally: Tally): Promise<Outcome> {
  const outcome = await attempt(tally, { journey, seed, plan: noCuts, faults: [] });
  tally.operations += outcome.operations.length;
  return outcome;
}

/**
 * Every single interruption before and after each change: a power loss, and a kill of the process.
 */
export async function singles(journey: Journey, seed: number, tally: Tally): Promise<void> {
  const { changes } = await dry(journey, seed, tally);
  for (const kind of journey.cutKinds ?? (['power', 'kill'] as const)) {
    for (const cut of cutsFrom(1, changes, kind)) {
      if (isHopeless(tally)) return;
      await attempt(tally, { journey, seed, plan: listOf([cut]), faults: [] });
      tally.singles += 1;
    }
  }
}

/** What a power loss can leave of two files that are synced at once. */
const apart = survivals.flatMap((data) => survivals.map((journal) => ({ data, journal })));

/**
 * Every single power loss, with each combination of what is left of data and journal. What was done
 * after one operation was done before the next one, too.
 */
export async function survivalsApart(journey: Journey, seed: number, tally: Tally): Promise<void> {
  const { changes } = await dry(journey, seed, tally);
  for (const cut of cutsFrom(1, changes, 'power', ['before'])) {
    for (const left of apart) {
      if (isHopeless(tally)) return;
      await attempt(tally, { journey, seed, plan: listOf([{ ...cut, left }]), faults: [] });
      tally.singles += 1;
    }
  }
}

/** The changes of a start, until its first ack. */
const startChanges = 9;

/**
 * A power loss that leaves the facts of a commit without their data, and then another one in the
 * start that removes these facts.
 */
export async function losses(journey: Journey, seed: number, tally: Tally): Promise<void> {
  const { operations } = await dry(journey, seed, tally);
  for (const operation of commitsIn(operations)) {
    const left = { data: 'lose', journal: 'keep' } as const;
    const first: Cut = { operation, side: 'before', kind: 'power', left };
    const alone = await attempt(tally, { journey, seed, plan: listOf([first]), faults: [] });
    tally.singles += 1;
    for (const at of syncsIn(alone.operations, operation, operation + startChanges)) {
      if (isHopeless(tally)) return;
      const apart = { data: 'lose', journal: 'mix' } as const;
      const second: Cut = { operation: at, side: 'before', kind: 'power', left: apart };
      await attempt(tally, { journey, seed, plan: listOf([first, second]), faults: [] });
      tally.pairs += 1;
    }
  }
}

/** Returns the change that ends the first of two syncs at once. */
function commitsIn(operations: Outcome['operations']): readonly number[] {
  const syncs = syncsIn(operations, 0, operations.length);
  return syncs.filter((at) => syncs.includes(at + 1));
}

/** Returns the numbers of the changes that are syncs. */
function syncsIn(operations: Outcome['operations'], after: number, last: number) {
  const changes = operations.filter((verb) => !reading.includes(verb));
  const all = changes.flatMap((verb, at) => (verb === 'sync' ? [at + 1] : []));
  return all.filter((at) => at > after && at <= last);
}

/**
 * The second interruption hits the effects of the first; a kill leaves unsynced bytes in the
 * kernel.
 */
export async function pairs(
  journey: Journey,
  seed: number,
  kinds: readonly [CutKind, CutKind],
  tally: Tally,
): Promise<void> {
  const { changes } = await dry(journey, seed, tally);
  for (const first of cutsFrom(1, changes, kinds[0])) {
    const alone = await attempt(tally, { journey, seed, plan: listOf([first]), faults: [] });
    tally.singles += 1;
    for (const second of cutsFrom(first.operation + 1, alone.changes, kinds[1])) {
      if (isHopeless(tally)) return;
      await attempt(tally, { journey, seed, plan: listOf([first, second]), faults: [] });
      tally.pairs += 1;
    }
  }
}

export async function nested(
  journey: Journey,
  seed: number,
  depth: number,
  tally: Tally,
): Promise<void> {
  const plan = { kind: 'random', depth } as const;
  const { cuts } = await attempt(tally, { journey, seed, plan, faults: [] });
  tally.nested += cuts;
}

/** Each operation that can fail in this way fails once, and together with the ones after it. */
export async function faults(
  journey: Journey,
  seed: number,
  counts: readonly number[],
  tally: Tally,
): Promise<void> {
  const { operations } = await dry(journey, seed, tally);
  for (const [at, verb] of operations.entries()) {
    for (const code of codes) {
      if (!failing[code].includes(verb)) continue;
      for (const count of counts) {
        if (isHopeless(tally)) return;
        const fault: DiskFault = { code, operation: at + 1, count };
        await attempt(tally, { journey, seed, plan: noCuts, faults: [fault] });
        tally.faults += 1;
      }
    }
  }
}

function* cutsFrom(
  first: number,
  last: number,
  kind: CutKind,
  sides: readonly Side[] = ['before', 'after'],
): Generator<Cut> {
  for (let operation = first; operation <= last; operation++) {
    for (const side of sides) yield { operation, side, kind };
  }
}

function listOf(cuts: readonly Cut[]): CutPlan {
  return { kind: 'list', cuts };
}
