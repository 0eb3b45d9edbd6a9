// Tests the end of a transfer with every combination of finish and checksum.
import { recordOutcome } from '../../../src/core/outcome.ts';
import { conclude } from '../../../src/core/verify.ts';
import { inPhase } from '../../../src/core/decision-helpers.ts';
import { assert, suite } from '../../support/suite.ts';
import { createLinked, ghc, kinds, open, receive, settings, sumOf } from '../../support/core.ts';
import type { InPhase } from '../../../src/core/decision-helpers.ts';
import type { Report } from '../../../src/core/model.ts';

const test = suite('outcome');

function received() {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  receive(core, ghc, 2, 2);
  const one = core.one(ghc);
  if (one === undefined || !inPhase(one, 'receiving')) throw new Error('not receiving');
  return one;
}

function withHash(one: InPhase<'receiving'>, finished: boolean, sha1: string | undefined) {
  const { phase } = one;
  return { ...one, phase: { ...phase, finished, now: { ...phase.now, sha1 } } };
}

test('goes on only when the exchange is over and the checksum is known', () => {
  const one = received();
  for (const finished of [false, true]) {
    for (const sha1 of [undefined, sumOf(2)]) {
      const { facts, effects } = conclude(withHash(one, finished, sha1));
      assert.equal(facts, []);
      assert.equal(kinds(effects), finished && sha1 !== undefined ? ['prepare'] : []);
    }
  }
});

test('a wrong checksum is an outcome with both in its report, and leaves no note behind', () => {
  const one = received();
  const { facts, notes } = conclude(withHash(one, true, 'f'.repeat(40)));
  const [fact] = facts;
  assert.ok(fact?.kind === 'outcome-recorded' && fact.checksum === sumOf(2) && !fact.report.status);
  assert.equal(notes, []);
});

test('an outcome gives up the data when there is some', () => {
  const one = received();
  const report: Report = { id: ghc, status: false, code: 'general-error', description: '' };
  assert.equal(kinds(recordOutcome(one, report).effects), ['discard']);
  assert.equal(kinds(recordOutcome(undefined, report).effects), []);
  assert.equal(recordOutcome(undefined, report).facts, [
    { kind: 'outcome-recorded', report, checksum: undefined },
  ]);
});

test.run();
