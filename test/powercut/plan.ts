// The plan of one power loss: its moment, and what survives. It counts what the disk does, not
// time, so it means the same on a slow machine. It comes from the seed alone.
import type { Prng } from '../support/prng.ts';
import type { Content } from './content.ts';
import type { Survival } from './disk.ts';

export type Plan = {
  /** The moment begins after so many flushes of the mounted file system. */
  readonly flushes: number;
  readonly moment: Moment;
  readonly survival: Survival;
  /** Seed of the fate of each write. */
  readonly seed: number;
};

export type Moment =
  /** At the n-th write from there. */
  | { readonly kind: 'write'; readonly count: number }
  | Hold
  /** At any moment. */
  | { readonly kind: 'later'; readonly delayMs: number }
  /** After so many acks of this boot. */
  | { readonly kind: 'acks'; readonly count: number };

/**
 * The next write of each of these contents gets no answer. The power fails after `flushes` more
 * flushes, or when the disk has no work for `quietMs`.
 */
export type Hold = {
  readonly kind: 'hold';
  readonly contents: readonly Content[];
  readonly flushes: number;
  readonly quietMs: number;
  /** What survives of the held writes. */
  readonly survival: Survival;
};

const held: readonly [readonly Content[], ...(readonly Content[])[]] = [
  ['payload'],
  ['payload'],
  ['payload'],
  ['records'],
  ['payload', 'records'],
  ['file system'],
];

export function planOf(prng: Prng): Plan {
  const flushes = 1 + prng.below(90);
  const survival = prng.pick<Survival>(['drop', 'keep', 'keep', 'tear', 'tear']);
  return { flushes, moment: momentOf(prng), survival, seed: prng.uint32() };
}

function momentOf(prng: Prng): Moment {
  const kind = prng.pick(['write', 'write', 'hold', 'hold', 'hold', 'later']);
  if (kind === 'write') return { kind, count: 1 + prng.below(4) };
  if (kind === 'later') return { kind, delayMs: prng.below(1_500) };
  return {
    kind: 'hold',
    contents: prng.pick(held),
    flushes: prng.pick([1, 2, 2, 3, Infinity, Infinity]),
    quietMs: 500 + prng.below(1_500),
    survival: prng.pick(['drop', 'drop', 'keep', 'tear']),
  };
}

/**
 * In the transfer: the data of a commit is lost, and its records are kept. Each message that the
 * agent sends too early has time to leave.
 */
export function planOfCommit(prng: Prng): Plan {
  const rest = { flushes: Infinity, quietMs: 2_000, survival: 'drop' } as const;
  return {
    flushes: 30 + prng.below(30),
    moment: { kind: 'hold', contents: ['payload'], ...rest },
    survival: 'keep',
    seed: prng.uint32(),
  };
}

/** Without fsync or barriers nothing is flushed for seconds, so this plan counts acks. */
export function planOfControl(prng: Prng): Plan {
  return {
    flushes: 0,
    moment: { kind: 'acks', count: 4 },
    survival: 'drop',
    seed: prng.uint32(),
  };
}

export function describe({ flushes, moment, survival }: Plan): string {
  const rest = `of the cache: ${survival}`;
  if (moment.kind === 'write') return `write ${moment.count} after flush ${flushes}; ${rest}`;
  if (moment.kind === 'later') return `${moment.delayMs} ms after flush ${flushes}; ${rest}`;
  if (moment.kind === 'acks') return `after ${moment.count} acks; ${rest}`;
  const { contents, quietMs } = moment;
  const more = moment.flushes === Infinity ? '' : `after ${moment.flushes} more or `;
  return (
    `${contents.join(' and ')} held after flush ${flushes}, power loss ${more}` +
    `after ${quietMs} ms without work; of the held: ${moment.survival}, ${rest}`
  );
}
