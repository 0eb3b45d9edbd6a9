// The layers of the campaign of CI: `make test` runs them split over files, `make sim` as one
// table.
import { dry, faults, losses, nested, newTally, pairs } from './campaign.ts';
import { singles, survivalsApart } from './campaign.ts';
import { journeyOf, journeys } from './journeys.ts';
import type { Tally } from './campaign.ts';
import type { CutKind } from './gate.ts';
import type { Journey } from './journeys.ts';

export type Layer = {
  readonly name: string;
  readonly title: string;
  readonly journeys: readonly Journey[];
  readonly run: (journey: Journey, at: number, tally: Tally) => Promise<void>;
};

/** Neighbours have consecutive seeds, so that together they use all servers, ways and nodes. */
const seedOf = (at: number, round: number) => at + round * 5;
export const depth = 200;
/** The seed decides which part of a torn record is left. */
const lossSeeds = 12;

/**
 * Two power losses; or a kill, which leaves unsynced bytes in the kernel, and then a power loss.
 */
function pairsOf(first: CutKind): Layer['run'] {
  return (journey, at, tally) => pairs(journey, seedOf(at, 2), [first, 'power'], tally);
}

export const layers = {
  singles: {
    name: 'singles',
    title: 'every single cut',
    journeys,
    run: async (journey, at, tally) => {
      for (let seed = 0; seed < (journey.seedsCount ?? 0); seed++) await dry(journey, seed, tally);
      await singles(journey, seedOf(at, 0), tally);
    },
  },
  pairs: {
    name: 'pairs',
    title: 'all pairs of power cuts',
    journeys: ['J1', 'J1s'].map(journeyOf),
    run: pairsOf('power'),
  },
  kills: {
    name: 'kills',
    title: 'all pairs of a kill and a power cut',
    journeys: ['J4', 'J1s'].map(journeyOf),
    run: pairsOf('kill'),
  },
  commits: {
    name: 'commits',
    title: 'data and journal survive apart',
    journeys: ['J1', 'J1s', 'J23'].map(journeyOf),
    run: async (journey, at, tally) => {
      if (journey.isSmall === true) await survivalsApart(journey, seedOf(at, 7), tally);
      else for (let seed = 0; seed < lossSeeds; seed++) await losses(journey, seed, tally);
    },
  },
  nested: {
    name: 'nested',
    title: `cuts nested to a depth of ${depth}`,
    journeys,
    run: async (journey, at, tally) => {
      for (const round of [3, 4, 5]) await nested(journey, seedOf(at, round), depth, tally);
    },
  },
  faults: {
    name: 'faults',
    title: 'every error at every operation',
    journeys,
    run: (journey, at, tally) => faults(journey, seedOf(at, 6), at < 3 ? [1, 20] : [1], tally),
  },
} satisfies { readonly [name: string]: Layer };

/** Runs all journeys of a layer in sequence; calls `done` after each. */
export async function runLayer(
  layer: Layer,
  done: (journey: Journey, tally: Tally) => void,
): Promise<void> {
  for (const [at, journey] of layer.journeys.entries()) {
    const tally = newTally();
    await layer.run(journey, at, tally);
    done(journey, tally);
  }
}
