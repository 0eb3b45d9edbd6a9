// Runs a layer of the campaign as a test file: a test for each journey, and one line with the
// counts.
import { performance } from 'node:perf_hooks';
import { assert, suite } from '../support/suite.ts';
import { newTally, sum } from './campaign.ts';
import type { Tally } from './campaign.ts';
import type { Layer } from './ci.ts';

export function testLayer(layer: Layer, isEnough: (all: Tally) => boolean): void {
  const test = suite(`simulator, ${layer.name}`);
  const tallies: Tally[] = [];
  const startedMs = performance.now();

  for (const [at, journey] of layer.journeys.entries()) {
    test(`${journey.name}, ${journey.title}: ${layer.title}`, async () => {
      const tally = newTally();
      tallies.push(tally);
      await layer.run(journey, at, tally);
      assert.equal(tally.failures, []);
    });
  }

  test('the campaign is as large as it should be', () => {
    const all = sum(tallies);
    const seconds = (performance.now() - startedMs) / 1_000;
    console.log(`\n| simulated: ${counted(all)}, ${Math.round(all.runs / seconds)} runs a second`);
    assert.ok(isEnough(all), counted(all));
  });

  test.run();
}

function counted({ runs, singles, pairs, nested, faults, cuts }: Tally): string {
  const counts = Object.entries({ runs, singles, pairs, nested, faults, cuts });
  const told = counts.filter(([, count]) => count > 0);
  return told.map(([name, count]) => `${count} ${name}`).join(', ');
}
