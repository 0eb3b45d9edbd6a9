// Tests that the state is safe after lost facts: any subset of the facts of random runs is missing,
// as after damage in several places. The fold of the rest must not throw, must not start an
// installer before a probe, and must not report an outcome that was never recorded.

import { policy } from '../../src/agent/backend.ts';
import { settings } from '../support/core.ts';
import { createRandom } from '../support/prng.ts';
import { assert, suite } from '../support/suite.ts';
import { createWorld } from '../support/world.ts';
import type { Event, Fact } from '../../src/agent/backend.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Prng } from '../support/prng.ts';

const test = suite('facts that are lost');
const moment = { nowMs: 0, random: 0.5 };

function livesOf(seed: number): readonly Fact[] {
  const world = createWorld(settings, createRandom(seed));
  for (let at = 0; at < 150; at++) world.step();
  return seed % 2 === 0 ? world.facts : policy.snapshot(world.core().state());
}

const some = (facts: readonly Fact[], prng: Prng, share: number): readonly Fact[] => [
  ...facts.filter(() => prng.chance(share)),
  { kind: 'records-lost' },
];

function startsOf(state: State, event: Event): readonly string[] {
  return policy.decide(settings, state, event, moment).effects.map(({ kind }) => kind);
}

/** Checks that the agent probes a package with complete data before it runs the installer. */
function checkPrepared(state: State, what: string): void {
  for (const { id, phase } of state.core.packages.values()) {
    if (phase.kind !== 'receiving' || !phase.finished) continue;
    const { number } = phase.transfer;
    const event = { kind: 'prepared', id, number, installer: 'opkg', before: '' } as const;
    const starts = startsOf(state, event);
    assert.ok(starts.includes('probe') && !starts.includes('install'), what);
  }
}

function checkOwed(state: State, facts: readonly Fact[], what: string): void {
  const settled = facts.flatMap((fact) => (fact.kind === 'outcome-recorded' ? [fact.report] : []));
  for (const { phase } of state.core.packages.values()) {
    if (phase.kind === 'reporting') assert.ok(settled.includes(phase.report), what);
  }
}

test('leave a state that throws nowhere and runs nothing twice', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const prng = createRandom(seed);
    const all = livesOf(seed);
    for (const share of [0.98, 0.9, 0.5, 0.2]) {
      const facts = some(all, prng, share);
      const what = `seed ${seed}, ${share}`;
      const state = policy.replay(facts);
      checkOwed(state, facts, what);
      checkPrepared(state, what);
      const booted = { kind: 'booted', bootId: 'b', payloads: [] } as const;
      assert.not.ok(startsOf(state, booted).includes('install'), what);
      const { facts: more, notes } = policy.decide(settings, state, booted, moment);
      const next = policy.applyAll(state, more, notes);
      // A snapshot folds to the same state, and keeps the mark for lost records.
      assert.ok(policy.replay(policy.snapshot(next)).core.hasLostRecords, what);
      const again = [...policy.replay(policy.snapshot(next)).core.packages.keys()];
      assert.equal(again.sort(), [...next.core.packages.keys()].sort());
    }
  }
});

test('take no report along that is owed, whatever else is missing', () => {
  let owed = 0;
  for (let seed = 1; seed <= 120; seed++) {
    const prng = createRandom(seed);
    const all = livesOf(seed);
    for (const [key, { phase }] of policy.replay(all).core.packages) {
      if (phase.kind !== 'reporting') continue;
      const { report } = phase;
      const isIt = (fact: Fact) => fact.kind === 'outcome-recorded' && fact.report === report;
      const last = all.findLastIndex(isIt);
      const facts = all.filter((_, at) => at === last || prng.chance(0.7));
      const now = policy.replay(facts).core.packages.get(key)?.phase;
      owed += 1;
      assert.equal(
        now?.kind === 'reporting' ? now.report : undefined,
        phase.report,
        `seed ${seed}`,
      );
    }
  }
  assert.ok(owed > 10, `${owed} reports were owed`);
});

test('are said after an installer was asked that had never run', () => {
  const id = { name: 'engine', version: '1' };
  const checksum = 'a'.repeat(40);
  const facts: readonly Fact[] = [
    { kind: 'records-lost' },
    { kind: 'transfer-started', id, number: 1, checksum, chunksCount: 1 },
    { kind: 'chunk-stored', number: 1, chunkIndex: 1, sizeBytes: 3, crc: 1 },
    { kind: 'transfer-complete', number: 1 },
  ];
  const state = policy.replay(facts);
  const prepared = { kind: 'prepared', id, number: 1, installer: 'opkg', before: '' } as const;
  const asked = policy.decide(settings, state, prepared, moment);
  const next = policy.applyAll(state, asked.facts, asked.notes);
  assert.is([...next.core.history.values()][0]?.attempts, 1);
  const not = { kind: 'not-installed', description: '' } as const;
  const run = policy.decide(settings, next, { kind: 'install-probed', id, probe: not }, moment);
  // The attempt is on flash already. The agent does not count it twice.
  assert.equal(run.facts, []);
  assert.equal(
    run.effects.map(({ kind }) => kind),
    ['log', 'install'],
  );
  const is = { kind: 'installed', description: 'it is there' } as const;
  const settled = policy.decide(settings, next, { kind: 'install-probed', id, probe: is }, moment);
  assert.equal(
    settled.facts.map(({ kind }) => kind),
    ['outcome-recorded'],
  );
});

test.run();
