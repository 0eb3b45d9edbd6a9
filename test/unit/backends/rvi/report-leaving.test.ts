// Tests how a pending report is confirmed, one event at a time. The server's reaction and the
// node's answer use different connections. Therefore the reaction may arrive first.
import { policy } from '../../../../src/agent/backend.ts';
import { readSettings } from '../../../../src/config.ts';

import { assert, suite } from '../../../support/suite.ts';
import type { Event, Fact } from '../../../../src/agent/backend.ts';

const test = suite('a report that leaves');
const id = { name: 'ghc', version: '7.6.2' };
const report = { id, status: true, code: 'ok', description: 'done' } as const;
const owed: readonly Fact[] = [
  { kind: 'offered', id, sizeBytes: 1_000 },
  { kind: 'consented', id },
  { kind: 'outcome-recorded', report, checksum: undefined },
];
const asks: Event = { kind: 'request', request: { kind: 'getpackages' } };
const leaving = (is: boolean): Event => ({ kind: 'report-in-flight', id, leaving: is });

/** Returns the facts about the report that the last of these events causes. */
function factsAfter(...events: readonly Event[]): readonly string[] {
  const configuration = readSettings({ file: '', text: undefined, environment: {} });
  if (!configuration.ok) throw new Error('the defaults are refused');
  let state = policy.applyAll(policy.initial, owed);
  let kinds: readonly string[] = [];
  for (const event of events) {
    const moment = { nowMs: 1_000, random: 0.5 };
    const { facts, notes } = policy.decide(configuration.settings, state, event, moment);
    state = policy.applyAll(state, facts, notes);
    kinds = facts.map(({ kind }) => kind).filter((kind) => kind !== 'inventory-requested');
  }
  return kinds;
}

test('is proven by a question for packages that comes before the answer of the node', () => {
  assert.equal(factsAfter(leaving(true), asks), ['report-confirmed']);
});

test('is proven by one that comes after it', () => {
  const sent: Event = { kind: 'sent', message: 'report', id };
  assert.equal(factsAfter(leaving(true), leaving(false), sent, asks), ['report-confirmed']);
});

test('is not proven by one that comes while it has not left, or when it could not', () => {
  assert.equal(factsAfter(asks), []);
  assert.equal(factsAfter(leaving(true), leaving(false), asks), []);
});

test.run();
