// What a session counts, and a campaign adds up.
import type { Verdict } from '../support/acked.ts';
import type { CutReport } from './disk.ts';

export type Counts = {
  readonly cuts: number;
  /** Power losses at which the disk had writes that were not on the platter. */
  readonly dirtyCuts: number;
  /** Power losses at which the disk held writes without an answer. */
  readonly heldCuts: number;
  readonly writesLost: number;
  readonly writesTorn: number;
  /** Acked chunks that were compared after a power loss. */
  readonly chunksChecked: number;
  /** Starts of the agent with stored chunks, all of which were compared. */
  readonly startsChecked: number;
  readonly chunksAgain: number;
  readonly violations: readonly string[];
};

export const none: Counts = {
  cuts: 0,
  dirtyCuts: 0,
  heldCuts: 0,
  writesLost: 0,
  writesTorn: 0,
  chunksChecked: 0,
  startsChecked: 0,
  chunksAgain: 0,
  violations: [],
};

export function ofCut(report: CutReport, found: Verdict): Counts {
  return {
    ...none,
    cuts: 1,
    dirtyCuts: report.waiting + report.held > 0 ? 1 : 0,
    heldCuts: report.held > 0 ? 1 : 0,
    writesLost: report.lost,
    writesTorn: report.torn,
    chunksChecked: found.checked,
    violations: found.violations,
  };
}

export function ofStart({ checked, violations }: Verdict): Counts {
  return { ...none, startsChecked: checked > 0 ? 1 : 0, violations };
}

export function added(a: Counts, b: Counts): Counts {
  return {
    cuts: a.cuts + b.cuts,
    dirtyCuts: a.dirtyCuts + b.dirtyCuts,
    heldCuts: a.heldCuts + b.heldCuts,
    writesLost: a.writesLost + b.writesLost,
    writesTorn: a.writesTorn + b.writesTorn,
    chunksChecked: a.chunksChecked + b.chunksChecked,
    startsChecked: a.startsChecked + b.startsChecked,
    chunksAgain: a.chunksAgain + b.chunksAgain,
    violations: [...a.violations, ...b.violations],
  };
}
