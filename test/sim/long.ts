// Runs the campaign with new seeds, round after round, until a number of interruptions is reached.
import { faults, nested, newTally, pairs, singles } from './campaign.ts';
import { depth } from './ci.ts';
import { journeys } from './journeys.ts';
import type { Tally } from './campaign.ts';

const failuresMax = 20;
const nestedInRound = 10;

export async function runLong(
  firstSeed: number,
  cutsMin: number,
  tell: (name: string, tally: Tally) => void,
): Promise<readonly Tally[]> {
  const rounds: Tally[] = [];
  const made = (what: 'cuts' | 'failures') =>
    rounds.reduce((all, one) => all + (what === 'cuts' ? one.cuts : one.failures.length), 0);
  for (let seed = firstSeed; made('cuts') < cutsMin; seed += journeys.length) {
    const tally = newTally();
    for (const [at, journey] of journeys.entries()) {
      const own = seed + at;
      await singles(journey, own, tally);
      for (let times = 0; times < nestedInRound; times++) {
        await nested(journey, own + times * 100_000, depth, tally);
      }
      if (journey.isSmall === true) await pairs(journey, own, ['kill', 'power'], tally);
      if (journey.isSmall === true) await pairs(journey, own, ['power', 'power'], tally);
      if (rounds.length % 4 === 0) await faults(journey, own, [1, 20], tally);
    }
    rounds.push(tally);
    tell(`seeds ${seed} to ${seed + journeys.length - 1}`, tally);
    if (made('failures') >= failuresMax) break;
  }
  return rounds;
}
