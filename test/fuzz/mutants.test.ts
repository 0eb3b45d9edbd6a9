// Tests the fuzzer: each agent without one of its defences must be caught within a few thousand
// inputs, and the released agent must pass the same inputs. A mutant that survives fails the run.
import { huntFor } from '../support/mutate.ts';
import { assert, suite } from '../support/suite.ts';
import { hunt, mutants } from './mutants.ts';

const test = suite('hostile input, mutants');
let caught = 0;

for (const mutant of mutants) {
  test(`catches an agent that ${mutant.name}`, async () => {
    const { runs, found } = await huntFor(hunt, mutant);
    assert.ok(found !== undefined, `survived ${runs} inputs`);
    caught += 1;
  });
}

test('finds nothing in the agent as it is shipped', async () => {
  const { runs, found } = await huntFor(hunt, { changes: [] }, 4_000);
  assert.is(found, undefined);
  assert.is(runs, 4_000);
  console.log(`\n| mutants: ${caught} of ${mutants.length} caught`);
});

test.run();
