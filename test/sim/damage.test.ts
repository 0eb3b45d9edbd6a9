// Method: each journey once, without cut or error; each state of its journal, with each byte turned
// and each sector zeroed in what was written last, and at the end in all of it.
import { assert, suite } from '../support/suite.ts';
import { isSound, newSweep, sweep } from './damage.ts';
import { journeys } from './journeys.ts';
import { simulate } from './world.ts';
import type { Journey } from './journeys.ts';

const test = suite('simulator, damage at rest');
const total = newSweep();

/** Each state that a power cut could have left, as far as it differs from the one before. */
async function journalsOf(journey: Journey): Promise<readonly Buffer[]> {
  const states: Buffer[] = [];
  let last: Buffer = Buffer.alloc(0);
  const onJournal = (journal: Buffer) => {
    if (journal.equals(last)) return;
    last = journal;
    if (isSound(journal)) states.push(journal);
  };
  await simulate({ journey, seed: 1, plan: { kind: 'list', cuts: [] }, faults: [], onJournal });
  return states;
}

for (const journey of journeys) {
  test(`${journey.name}: costs no report, no attempt and no offer`, async () => {
    const states = await journalsOf(journey);
    assert.ok(states.length > 0);
    const all = newSweep();
    for (const [at, journal] of states.entries()) {
      const [before, next] = [states[at - 1], states[at + 1]];
      const isLonger = (one: Buffer | undefined, other: Buffer | undefined) =>
        one !== undefined && other !== undefined && other.subarray(0, one.length).equals(one);
      const isLast = !isLonger(journal, next);
      sweep(journal, isLonger(before, journal) && !isLast ? (before?.length ?? 0) : 0, 512, all);
    }
    assert.equal(all.failures, []);
    total.bytes += all.bytes;
    total.sectors += all.sectors;
    total.tails += all.tails;
  });
}

test('the sweep is as large as it should be', () => {
  const { bytes, sectors, tails } = total;
  console.log(`\n| damaged: ${bytes} bytes, ${sectors} sectors; ${tails} of them at a torn end`);
  assert.ok(bytes > 100_000 && sectors > 1_000);
  assert.ok(tails < bytes / 100, 'too much is taken for an interrupted append');
});

test.run();
