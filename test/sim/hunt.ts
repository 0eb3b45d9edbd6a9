// Searches for a run that shows a broken variant of the agent, stops at the first, and prints the
// finding as one line of JSON. It is bundled separately for each mutant. HINT is the first journey.
import process from 'node:process';
import { dry, faults, losses, nested, newTally, pairs, singles } from './campaign.ts';
import { survivalsApart } from './campaign.ts';
import { depth } from './ci.ts';
import { journeys } from './journeys.ts';
import type { Tally } from './campaign.ts';
import type { Journey } from './journeys.ts';

const runsMax = Number(process.env['RUNS'] ?? 4_000);
const hint = process.env['HINT'];

type Layer = (journey: Journey, seed: number, tally: Tally) => Promise<unknown>;

/** From the cheapest to the most expensive. */
const layers: readonly Layer[] = [
  dry,
  (journey, seed, tally) => nested(journey, seed, depth, tally),
  async (journey, seed, tally) => {
    if (journey.name !== hint) return;
    if (journey.isSmall === true) await survivalsApart(journey, seed, tally);
    // The seed decides what is left of a torn record, and what a failed sync leaves.
    for (let own = seed; own < seed + 24; own++) {
      if (tally.failures.length === 0) await losses(journey, own, tally);
    }
    if (tally.failures.length === 0) await singles(journey, seed, tally);
    for (let own = seed; own < seed + 4; own++) {
      if (tally.failures.length === 0) await faults(journey, own, [1], tally);
    }
    if (tally.failures.length === 0) await pairs(journey, seed, ['kill', 'power'], tally);
  },
  singles,
  (journey, seed, tally) => faults(journey, seed, [1], tally),
];

void hunt();

async function hunt(): Promise<void> {
  const tally = newTally();
  const ordered = [
    ...journeys.filter(({ name }) => name === hint),
    ...journeys.filter(({ name }) => name !== hint),
  ];
  const isOver = () => tally.failures.length > 0 || tally.runs >= runsMax;
  for (let round = 0; !isOver(); round++) {
    for (const layer of layers) {
      for (const [at, journey] of ordered.entries()) {
        if (!isOver()) await layer(journey, at + round * journeys.length, tally);
      }
    }
  }
  console.log(JSON.stringify({ runs: tally.runs, found: tally.failures[0] }));
}
