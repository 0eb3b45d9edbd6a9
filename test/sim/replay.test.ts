// Tests that the command of a failure replays the same run, event by event.
import { assert, suite } from '../support/suite.ts';
import { journeyOf } from './journeys.ts';
import { lineOf, scenarioOf } from './replay.ts';
import { simulate } from './world.ts';
import type { Typed } from './replay.ts';

const test = suite('simulator, replay');

const lines = [
  'make sim SEED=5 CUT= JOURNEY=J1',
  'make sim SEED=6 CUT=9b,17ak,30a JOURNEY=J2',
  'make sim SEED=7 CUT=x200 JOURNEY=J3',
  'make sim SEED=8 CUT=21a JOURNEY=J9b FAULT=EIO@17,ENOSPC@30x20',
];

for (const line of lines) {
  test(`plays the same run again: ${line}`, async () => {
    const first = await traceOf(line);
    // Another run in between, as in a campaign.
    await traceOf('make sim SEED=1 CUT=x20 JOURNEY=J6');
    assert.ok(first.length > 50);
    assert.equal(await traceOf(line), first);
  });
  test(`spells what it plays: ${line}`, () => {
    assert.is(lineOf(scenarioOf(typed(line))), line);
  });
}

test('another seed is another run', async () => {
  const [one, other] = [lines[1] ?? '', (lines[1] ?? '').replace('SEED=6', 'SEED=30')];
  assert.not.equal(await traceOf(one), await traceOf(other));
});

test('says what is wrong with a line', () => {
  for (const bad of ['SEED=a', 'CUT=12', 'CUT=b', 'FAULT=EIO', 'FAULT=EPERM@3', 'JOURNEY=J99']) {
    assert.throws(() => scenarioOf(typed(bad)), /SEED|CUT|FAULT|no journey/);
  }
  assert.is(journeyOf('J1').name, 'J1');
});

async function traceOf(line: string): Promise<readonly string[]> {
  const trace: string[] = [];
  await simulate({ ...scenarioOf(typed(line)), trace: (one) => void trace.push(one) });
  return trace;
}

function typed(line: string): Typed {
  const given = (name: string) => new RegExp(`\\b${name}=(\\S*)`).exec(line)?.[1];
  return {
    seed: given('SEED'),
    cut: given('CUT'),
    journey: given('JOURNEY'),
    fault: given('FAULT'),
  };
}

test.run();
