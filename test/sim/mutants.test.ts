// Tests the simulator: each broken variant of the agent must be caught, and the unchanged agent
// must pass the same search. A mutant that survives fails the run.
import { assert, suite } from '../support/suite.ts';
import { huntFor } from '../support/mutate.ts';
import { hunt, mutants } from './mutants.ts';

const test = suite('simulator, mutants');
let caught = 0;

for (const mutant of mutants) {
  test(`catches an agent that ${mutant.name}`, async () => {
    const { runs, found } = await huntFor(hunt, mutant);
    assert.ok(found !== undefined, `survived ${runs} runs`);
    caught += 1;
  });
}

test('finds nothing in the agent as it is shipped', async () => {
  const { runs, found } = await huntFor(hunt, { changes: [] }, 400);
  assert.is(found, undefined);
  assert.ok(runs >= 400);
  console.log(`\n| mutants: ${caught} of ${mutants.length} caught`);
});

test.run();
