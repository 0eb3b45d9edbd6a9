// The journeys of what others leave on flash: changed bits, and a journal of another version.
import { willing } from './installers.ts';
import { sample } from './packages.ts';
import { interleaved, journalOfAnother, rotInData, rotInJournal } from './scripts.ts';
import type { Journey } from './journeys.ts';

const small = sample('sample', '1.2.3', 128 * 1_024 + 4_465);
const more = ['two', 'three', 'four', 'five', 'six'].map((name) =>
  sample(name, '1.0.0', 64 * 1_024 + 200),
);
const plain = { packages: [small], manner: willing, status: true };

export const storeJourneys: readonly Journey[] = [
  {
    ...plain,
    name: 'J16',
    title: 'a bit turns over in the data',
    onPowerCut: rotInData,
    mayBlock: true,
  },
  {
    ...plain,
    name: 'J17',
    title: 'a bit turns over in the journal',
    onPowerCut: rotInJournal,
    mayBlock: true,
    status: 'any',
    mayRepeat: true,
  },
  {
    ...plain,
    name: 'J23',
    title: 'a journal of another version, six packages, their chunks interleaved',
    packages: [small, ...more],
    // On a slow disk one commit has chunks of many packages. The storage directory exists.
    conditions: { latencyMsMax: 40, isFresh: false },
    script: interleaved,
    journalOf: journalOfAnother,
  },
];
