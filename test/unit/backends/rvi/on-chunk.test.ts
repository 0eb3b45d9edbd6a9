// Tests chunks one at a time, in a transfer of three chunks whose last chunk has 100 bytes.
import { crc32 } from '../../../../src/crc32.ts';
import { indicesOf } from '../../../../src/core/chunk-set.ts';
import { chunkBytes } from '../../../../src/limits.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  asking,
  chunkOf,
  codes,
  createLinked,
  dataOf,
  ghc,
  kinds,
  only,
  open,
  receive,
  settings,
  settle,
  startOf,
  sumOf,
  vim,
} from '../../../support/core.ts';
import type { Decision } from '../../../../src/agent/backend.ts';
import type { Core } from '../../../support/core.ts';

const test = suite('on-chunk');

function receiving(count = 3, own = settings): Core {
  const core = createLinked(own, ghc);
  open(core, ghc, count);
  return core;
}

const chunk = (index: number, sizeBytes: number) =>
  ({ kind: 'chunk', id: ghc, chunkIndex: index, data: new Uint8Array(sizeBytes) }) as const;
const held = (core: Core) => {
  const phase = core.one(ghc)?.phase;
  return phase?.kind === 'receiving' ? indicesOf(phase.transfer.chunks) : undefined;
};

test('writes a new chunk, remembers it, then acks and hashes it', () => {
  const core = receiving();
  const data = dataOf(1, 3);
  const decided = core.ask(chunkOf(ghc, 1, 3));
  assert.equal(decided.writes, [{ number: 1, chunkIndex: 1, data }]);
  assert.equal(decided.facts, [
    { kind: 'chunk-stored', number: 1, chunkIndex: 1, sizeBytes: data.length, crc: crc32(data) },
  ]);
  assert.equal(decided.effects, [
    { kind: 'ack', id: ghc, empty: false },
    { kind: 'hash', number: 1 },
  ]);
});

test('says [] once to each ask when chunks come whose start was lost', () => {
  const core = createLinked(settings, ghc);
  core.wait(500);
  const acks = (decided: Decision) => decided.effects.filter(({ kind }) => kind === 'ack');
  const empty = [{ kind: 'ack', id: ghc, empty: true }];
  assert.equal(acks(core.ask(chunkOf(ghc, 1, 3))), empty);
  assert.equal(acks(core.ask(chunkOf(ghc, 1, 3))), []);
  core.wait(60_000);
  assert.equal(acks(core.ask(chunkOf(ghc, 1, 3))), empty);
  core.ask(startOf(ghc, 3));
  assert.equal(acks(core.ask(chunkOf(ghc, 1, 3))), []);
});

test('takes chunks in any order', () => {
  const core = receiving();
  for (const index of [3, 1, 2]) core.ask(chunkOf(ghc, index, 3));
  assert.equal(held(core), [1, 2, 3]);
});

test('refuses a chunk of no transfer, in every phase without one', () => {
  const offered = createLinked(asking, ghc);
  const accepted = createLinked(settings, ghc);
  const settled = createLinked(settings, ghc);
  settle(settled, ghc);
  for (const core of [createLinked(), offered, accepted, settled]) {
    const decided = core.ask(chunkOf(ghc, 1, 3));
    assert.equal([decided.writes, decided.facts, kinds(decided.effects)], [[], [], []]);
    assert.equal(codes(decided.effects), ['chunk-unexpected']);
    assert.is(core.state().counters.refused, 1);
  }
});

test('says [] to a server that sends what it never started here, and then [0], once each', () => {
  const core = createLinked(settings, ghc);
  assert.equal(kinds(core.ask(chunkOf(ghc, 1, 3)).effects), [], 'nothing was asked for yet');
  core.wait(0);
  const first = core.ask(chunkOf(ghc, 1, 3));
  assert.equal(only(first.effects, 'ack'), { kind: 'ack', id: ghc, empty: true });
  assert.equal([first.writes, first.facts], [[], []]);
  // Only S-A answers [] with chunk 1 again; it restarts the transfer after one 0 (protocol 2.4).
  assert.equal(kinds(core.ask(chunkOf(ghc, 2, 3)).effects), []);
  const second = core.ask(chunkOf(ghc, 1, 3));
  assert.equal(only(second.effects, 'restart-ack'), { kind: 'restart-ack', id: ghc });
  assert.equal(kinds(core.ask(chunkOf(ghc, 1, 3)).effects), []);
  // After the next start request the agent may send both again.
  core.wait(60_000);
  assert.ok(kinds(core.ask(chunkOf(ghc, 1, 3)).effects).includes('ack'));
});

test('refuses a chunk of a package that another one is received beside', () => {
  const core = receiving();
  const decided = core.ask(chunkOf(vim, 1, 3));
  assert.equal(codes(decided.effects), ['chunk-unexpected']);
  assert.equal(held(core), []);
});

test('refuses an index beyond the count', () => {
  for (const index of [4, 5, 32_768]) {
    const decided = receiving().ask(chunk(index, chunkBytes));
    assert.equal(codes(decided.effects), ['chunk-index-invalid']);
    assert.equal([decided.writes, decided.facts, kinds(decided.effects)], [[], [], []]);
  }
});

test('refuses sizes that cannot be: only the last chunk may be short, none may be empty', () => {
  const bad = [
    [1, 0],
    [1, 1],
    [1, chunkBytes - 1],
    [2, chunkBytes - 1],
    [3, 0],
  ] as const;
  for (const [index, sizeBytes] of bad) {
    const decided = receiving().ask(chunk(index, sizeBytes));
    assert.equal(codes(decided.effects), ['chunk-size-invalid'], `${index} ${sizeBytes}`);
    assert.equal([decided.writes, decided.facts, kinds(decided.effects)], [[], [], []]);
  }
  for (const sizeBytes of [1, chunkBytes - 1, chunkBytes]) {
    assert.is(receiving().ask(chunk(3, sizeBytes)).writes.length, 1);
  }
});

test('takes the one empty chunk of an empty file, and nothing else for it', () => {
  const core = receiving(0);
  assert.equal(codes(core.ask(chunk(1, 1)).effects), ['chunk-size-invalid']);
  assert.equal(codes(core.ask(chunk(2, 0)).effects), ['chunk-index-invalid']);
  assert.is(core.ask(chunk(1, 0)).writes.length, 1);
  const { facts } = core.ask({ kind: 'finish', id: ghc });
  assert.equal(facts, [{ kind: 'transfer-complete', number: 1 }]);
});

test('says nothing to a chunk that comes twice: a second ack would double the stream', () => {
  const core = receiving();
  core.ask(chunkOf(ghc, 1, 3));
  const again = core.ask(chunkOf(ghc, 1, 3));
  assert.equal([again.writes, again.facts, again.effects], [[], [], []]);
  assert.is(core.state().counters.chunksRepeated, 1);
});

test('acks a known chunk once when it answers a rung of the ladder', () => {
  const core = receiving();
  receive(core, ghc, 2, 3);
  assert.ok(kinds(core.wait(10_000)).includes('ack'));
  const answer = core.ask(chunkOf(ghc, 2, 3));
  assert.equal(answer.effects, [{ kind: 'ack', id: ghc, empty: false }]);
  assert.equal(core.ask(chunkOf(ghc, 2, 3)).effects, []);
});

test('acks the chunk 1 that [] brings with the full list', () => {
  const core = receiving();
  receive(core, ghc, 2, 3);
  core.ask(startOf(ghc, 3));
  const said = core.wait(10_000).flatMap((effect) => (effect.kind === 'ack' ? [effect.empty] : []));
  assert.equal(said, [true]);
  const answer = core.ask(chunkOf(ghc, 1, 3));
  assert.equal(only(answer.effects, 'ack'), { kind: 'ack', id: ghc, empty: false });
  assert.equal(held(core), [1, 2]);
});

test('says nothing to a chunk that comes after the finish', () => {
  const core = receiving();
  receive(core, ghc, 3, 3);
  core.ask({ kind: 'finish', id: ghc });
  const late = core.ask(chunkOf(ghc, 3, 3));
  assert.equal([late.writes, late.facts, late.notes, late.effects], [[], [], [], []]);
});

test('goes on by itself when the finish does not come', () => {
  const core = receiving();
  receive(core, ghc, 3, 3);
  core.act({ kind: 'hashed', number: 1, sha1: sumOf(3) });
  const effects = core.wait(30_000);
  assert.equal(codes(effects).includes('finish-timeout'), true);
  assert.is(kinds(effects).at(-1), 'prepare');
  assert.ok(core.facts.some(({ kind }) => kind === 'transfer-complete'));
});

test('waits for the finish from the last chunk on, also when that was lost once', () => {
  const core = receiving();
  receive(core, ghc, 3, 3);
  core.wait(20_000);
  core.act({ kind: 'chunk-corrupt', number: 1, chunkIndex: 2 });
  core.wait(20_000);
  core.ask(chunkOf(ghc, 2, 3));
  assert.not.ok(codes(core.wait(29_000)).includes('finish-timeout'));
  assert.ok(codes(core.wait(1_000)).includes('finish-timeout'));
});

test.run();
