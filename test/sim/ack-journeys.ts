// The journeys with acks of every form: a long package, and servers that read acks in other ways.
import { willing } from './installers.ts';
import { sample } from './packages.ts';
import type { Journey } from './journeys.ts';

/** More chunks than an ack lists one by one. */
const long = sample('long', '1.0.0', 11 * 65_536 + 100);
const short = sample('short', '1.0.0', 2 * 65_536 + 100);
const plain = { manner: willing, status: true };

export const ackJourneys: readonly Journey[] = [
  {
    ...plain,
    name: 'J20',
    title: 'more chunks than an ack lists one by one',
    packages: [long],
    conditions: { ack: 'auto' },
  },
  {
    ...plain,
    name: 'J21',
    title: 'a server that reads the list of an ack literally',
    packages: [long],
    conditions: { ack: 'auto', kind: 'literal' },
    learningMax: 1,
  },
  {
    ...plain,
    name: 'J22',
    title: 'a server that rejects a list of two chunks or more',
    packages: [short],
    conditions: { ack: 'auto', kind: 'single' },
    learningMax: 2,
  },
];
