// Writes and parses a run as a command, such as `make sim SEED=3 JOURNEY=J1 CUT=12b,40ak`. An entry
// of `CUT` is the number of a changing operation, b(efore) or a(fter) it, and k if only the process
// is killed. `12b-lk`: what was not synced is l(ost), k(ept) or m(ixed), in the data and in the
// journal. `x200` means 200 interruptions at places that the seed selects. A fault is
// `CODE@operation`, with `x20` if it hits that many operations from there.
import { survivals } from './power-loss.ts';
import { journeyOf } from './journeys.ts';
import type { CutPlan, Scenario } from './scenario.ts';
import type { Cut, DiskFault } from './gate.ts';

export function lineOf({ journey, seed, plan, faults }: Scenario): string {
  const cuts = plan.kind === 'random' ? `x${plan.depth}` : plan.cuts.map(cutText).join(',');
  const parts = [`SEED=${seed}`, `CUT=${cuts}`, `JOURNEY=${journey.name}`];
  if (faults.length > 0) parts.push(`FAULT=${faults.map(faultText).join(',')}`);
  return `make sim ${parts.join(' ')}`;
}

function cutText({ operation, side, kind, left }: Cut): string {
  const at = `${operation}${side === 'before' ? 'b' : 'a'}`;
  if (left !== undefined) return `${at}-${left.data[0]}${left.journal[0]}`;
  return `${at}${kind === 'kill' ? 'k' : ''}`;
}

function faultText({ code, operation, count }: DiskFault): string {
  return `${code}@${operation}${count === 1 ? '' : `x${count}`}`;
}

export type Typed = {
  readonly seed: string | undefined;
  readonly cut: string | undefined;
  readonly journey: string | undefined;
  readonly fault: string | undefined;
};

/** Throws a description of what is invalid. */
export function scenarioOf({ seed = '0', cut = '', journey = 'J1', fault = '' }: Typed): Scenario {
  if (!/^\d+$/.test(seed)) throw new Error(`SEED=${seed} is no number`);
  return {
    journey: journeyOf(journey),
    seed: Number(seed),
    plan: planOf(cut),
    faults: fault === '' ? [] : fault.split(',').map(faultOf),
  };
}

function planOf(text: string): CutPlan {
  const random = /^x(\d+)$/.exec(text);
  if (random !== null) return { kind: 'random', depth: Number(random[1]) };
  return { kind: 'list', cuts: text === '' ? [] : text.split(',').map(cutOf) };
}

function cutOf(text: string): Cut {
  const [, operation, side, kill, ...left] =
    /^(\d+)([ab])(?:(k)|-([klm])([klm]))?$/.exec(text) ?? [];
  if (operation === undefined) throw new Error(`CUT=${text}: 12b, 12a, 12bk, 12ak, 12b-lk or x200`);
  const [data, journal] = left.map((letter) => survivals.find((one) => one[0] === letter));
  return {
    operation: Number(operation),
    side: side === 'b' ? 'before' : 'after',
    kind: kill === 'k' ? 'kill' : 'power',
    ...(data === undefined || journal === undefined ? {} : { left: { data, journal } }),
  };
}

function faultOf(text: string): DiskFault {
  const [, code, operation, count = '1'] = /^(\w+)@(\d+)(?:x(\d+))?$/.exec(text) ?? [];
  if (!isCode(code)) throw new Error(`FAULT=${text}: EIO@17 or ENOSPC@17x20`);
  return { code, operation: Number(operation), count: Number(count) };
}

export const codes = ['EIO', 'ENOSPC', 'EROFS', 'EMFILE', 'short'] as const;

function isCode(text: string | undefined): text is DiskFault['code'] {
  return codes.some((code) => code === text);
}
