// Tests the fact codec with the facts of random runs and of their snapshots: the test writes each
// fact as a record and reads it back. The facts contain any text that a peer may send.

import { journalFold } from '../../src/agent/journal-fold.ts';
import { policy } from '../../src/agent/backend.ts';
import { encodeJournal } from '../../src/store/journal-codec.ts';
import { settings } from '../support/core.ts';
import { createRandom } from '../support/prng.ts';
import { assert, suite } from '../support/suite.ts';
import { createWorld } from '../support/world.ts';
import { decodeJournal } from '../support/decode-journal.ts';
import type { Fact } from '../../src/agent/backend.ts';
import type { Prng } from '../support/prng.ts';

const test = suite('facts');
const letters = ['a', '"', '\\', '\u0000', '\n', '/', 'ü', '包', '😀', '\u2028', '{', ']'] as const;

function comeBack(facts: readonly Fact[], what: string): void {
  const decoded = decodeJournal(journalFold, encodeJournal(journalFold, facts, 1));
  assert.equal(decoded.facts.map(defined), facts.map(defined), what);
  assert.is(decoded.unknownCount, 0, what);
}

/** Removes undefined members, which the codec does not write and which mean the same. */
function defined(fact: Fact): unknown {
  return Object.fromEntries(Object.entries(fact).filter(([, value]) => value !== undefined));
}

function textOf(prng: Prng): string {
  return Array.from({ length: prng.below(40) }, () => prng.pick(letters)).join('');
}

test('what lives remember comes back as it was written, and so do its snapshots', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const world = createWorld(settings, createRandom(seed));
    for (let at = 0; at < 150; at++) world.step();
    comeBack(world.facts, `seed ${seed}`);
    comeBack(policy.snapshot(world.core().state()), `snapshot, seed ${seed}`);
  }
});

test('so do texts of every kind, and the largest numbers', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const prng = createRandom(seed);
    const id = { name: textOf(prng), version: textOf(prng) };
    const checksum = prng.chance(0.5) ? textOf(prng) : undefined;
    const description = textOf(prng);
    const report = { id, status: prng.chance(0.5), code: 'ok', description } as const;
    const install = { attempt: prng.uint32(), installer: textOf(prng), before: textOf(prng) };
    const number = prng.pick([0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER]);
    const chunk = { number: prng.below(1e6), chunkIndex: prng.below(32_769) };
    comeBack(
      [
        { kind: 'offered', id, sizeBytes: number },
        { kind: 'outcome-recorded', report, checksum },
        { kind: 'install-started', id, install },
        { kind: 'chunk-stored', ...chunk, sizeBytes: prng.below(65_537), crc: prng.uint32() },
        { kind: 'counters', nextNumber: number, nextOrder: number },
      ],
      `seed ${seed}`,
    );
  }
});

test.run();
