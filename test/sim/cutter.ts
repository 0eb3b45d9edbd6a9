// Decides where an interruption takes place: at the operations of a list, or at random ones with
// short gaps, so that a recovery is interrupted, and its recovery, too.
import type { Prng } from '../support/prng.ts';
import type { CutHere, CutKind, Side } from './gate.ts';
import type { CutPlan } from './scenario.ts';

export function createCutter(
  plan: CutPlan,
  prng: Prng,
  cutsDone: () => number,
): (operation: number) => CutHere | undefined {
  if (plan.kind === 'list') {
    const byOperation = new Map(plan.cuts.map((cut) => [cut.operation, cut]));
    return (operation) => byOperation.get(operation);
  }
  // A start takes some six changes: with the shortest gaps only starts are interrupted.
  const gaps = prng.pick<readonly [number, ...number[]]>([[4], [8], [12], [16], [3, 12, 60]]);
  const gap = () => 1 + prng.below(prng.pick(gaps));
  let next = gap();
  return (operation) => {
    if (cutsDone() >= plan.depth || operation < next) return undefined;
    next = operation + gap();
    const side: Side = prng.pick(['before', 'after']);
    const kind: CutKind = prng.pick(['power', 'power', 'power', 'kill']);
    return { side, kind };
  };
}
