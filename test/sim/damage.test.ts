// Tests the agent against damage of its journal at rest. Each journey runs once, without
// interruption or error. In each state of its journal, each byte is flipped and each sector is
// zeroed in what was written last, and at the end in the whole file. Then each agent with a defect
// in the handling of damage must be caught.
import { huntFor } from '../support/mutate.ts';
import { assert, suite } from '../support/suite.ts';
import { journalsOf, newSweep, sweepAll } from './damage.ts';
import { journeys } from './journeys.ts';
import { damageMutants } from './mutants.ts';

const test = suite('simulator, damage at rest');
const total = newSweep();
const hunt = 'test/sim/damage-hunt.ts';

for (const journey of journeys) {
  test(`${journey.name}: costs no report, no attempt and no offer`, async () => {
    const states = await journalsOf(journey);
    assert.ok(states.length > 0);
    const all = newSweep();
    sweepAll(states, all);
    assert.equal(all.failures, []);
    total.bytes += all.bytes;
    total.sectors += all.sectors;
    total.tails += all.tails;
  });
}

test('the sweep is as large as it should be', () => {
  const { bytes, sectors, tails } = total;
  console.log(`\n| damaged: ${bytes} bytes, ${sectors} sectors; ${tails} of them at a torn end`);
  assert.ok(bytes > 50_000 && sectors > 300);
  assert.ok(tails < bytes / 100, 'too much is taken for an interrupted append');
});

for (const mutant of damageMutants) {
  test(`catches an agent that ${mutant.name}`, async () => {
    const { found } = await huntFor(hunt, mutant);
    assert.ok(found !== undefined, 'it was not caught');
  });
}

test('finds nothing in the agent as it is shipped', async () => {
  assert.is((await huntFor(hunt, { changes: [] })).found, undefined);
});

test.run();
