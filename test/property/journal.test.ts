// Tests the journal with random facts in random batches. One test truncates the journal at every
// byte. Another compares the journal with the list of acknowledged facts through refused appends,
// compactions, kills and power loss at any operation. A failure prints its seed.

import { journalFold } from '../../src/agent/journal-fold.ts';
import { policy } from '../../src/agent/backend.ts';
import { openJournal } from '../../src/store/journal.ts';
import { confirmAll } from '../support/decode-journal.ts';
import { oldRecord as encodeRecord } from '../support/old-journal.ts';
import { changing, createMemoryDisk } from '../support/memory-disk.ts';
import { createRandom } from '../support/prng.ts';
import { assert, suite } from '../support/suite.ts';
import { must } from '../support/store.ts';
import { decodeJournal as decodeRecords } from '../support/decode-journal.ts';
import type { Fact } from '../../src/agent/backend.ts';
import type { PackageId } from '../../src/core/model.ts';
import type { MemoryDisk } from '../support/memory-disk.ts';
import type { Prng } from '../support/prng.ts';

const test = suite('any journal');
const seeds = Array.from({ length: 40 }, (_, at) => at + 1);
const path = '/s/journal';

/** Returns a generator of facts; it opens each transfer number once, as the agent does. */
function createFacts(random: Prng): () => Fact {
  let nextNumber = 1;
  const ids: readonly [PackageId, ...PackageId[]] = [
    { name: 'a', version: '1' },
    { name: 'ä"\\', version: '2-β' },
    { name: 'long'.repeat(60), version: '3' },
  ];
  const number = () => Math.max(1, nextNumber - 1 - random.below(2));
  const chunkIndex = () => 1 + random.below(300);
  const makers: readonly [() => Fact, ...(() => Fact)[]] = [
    () => ({ kind: 'offered', id: random.pick(ids), sizeBytes: random.uint32() }),
    () => ({ kind: 'consented', id: random.pick(ids) }),
    () => ({
      kind: 'transfer-started',
      id: random.pick(ids),
      number: nextNumber++,
      checksum: 'c'.repeat(40),
      chunksCount: 300,
    }),
    () => ({
      kind: 'chunk-stored',
      number: number(),
      chunkIndex: chunkIndex(),
      sizeBytes: 65_536,
      crc: random.uint32(),
    }),
    () => ({ kind: 'chunk-removed', number: number(), chunkIndex: chunkIndex() }),
    () => ({ kind: 'resume-method-learned', context: 'resume', method: 'empty' }),
    () => ({ kind: 'ack-list-learned', list: 'full' }),
    () => ({ kind: 'transfer-discarded', id: random.pick(ids) }),
  ];
  const often = makers[3];
  return () => (often !== undefined && random.chance(0.6) ? often() : random.pick(makers)());
}

const listOf = <T>(length: number, make: () => T) => Array.from({ length }, make);

async function open(disk: MemoryDisk) {
  must(await disk.makeDirectory('/s'));
  must(await disk.syncDirectory('/'));
  return must(await openJournal(disk, '/s', journalFold, confirmAll));
}

test('cut at any byte gives the facts before the cut, and takes new ones behind them', async () => {
  for (const seed of seeds) {
    const next = createFacts(createRandom(seed));
    const facts = listOf(12, next);
    const records = facts.map(encodeRecord);
    const whole = Buffer.concat(records);
    const later = next();
    let endBytes = 0;
    let count = 0;
    for (let bytes = 0; bytes <= whole.length; bytes += 1) {
      if (bytes === endBytes + (records[count]?.length ?? Infinity)) {
        endBytes = bytes;
        count += 1;
      }
      const left = whole.subarray(0, bytes);
      assert.is(
        decodeRecords(journalFold, left).soundBytes,
        endBytes,
        `seed ${seed}, ${bytes} bytes`,
      );
      assert.equal(decodeRecords(journalFold, left).facts, facts.slice(0, count));
      // At each byte of the last records: the store must read an append that follows the rest.
      if (bytes < whole.length - 90) continue;
      const disk = createMemoryDisk();
      disk.put(path, left);
      const { journal } = await open(disk);
      must(await journal.append([later]));
      const again = await open(disk.cut('lost'));
      const expected = policy.replay([...facts.slice(0, count), later]);
      assert.equal(again.losses, []);
      assert.equal(again.state, expected, `seed ${seed}, ${bytes} bytes`);
    }
  }
});

type Life = { readonly disk: MemoryDisk; readonly acked: readonly Fact[] };

/** Runs until a random power loss; returns the disk and the facts that it must contain. */
async function live(random: Prng, next: () => Fact, { disk, acked }: Life): Promise<Life> {
  const { journal } = await open(disk);
  const known = [...acked];
  let cutIn = 1 + random.below(20);
  let left: MemoryDisk | undefined;
  disk.before(({ verb }) => {
    if (changing.includes(verb) && cutIn-- === 0) left = disk.cut(random.pick(['lost', 'kept']));
  });
  disk.refuse(({ verb }) => (verb === 'write' && random.chance(0.1) ? 'ENOSPC' : undefined));
  for (;;) {
    const batch = listOf(1 + random.below(4), next);
    const appended = await journal.append(batch);
    if (left !== undefined) return { disk: left, acked: await among(left, known, batch) };
    if (appended.ok) known.push(...batch);
    if (random.chance(0.2)) await journal.rewrite(policy.snapshot(policy.replay(known)));
    if (left !== undefined) return { disk: left, acked: known };
  }
}

/** After power loss within an append the journal has none, some or all of its facts, in order. */
async function among(disk: MemoryDisk, acked: readonly Fact[], batch: readonly Fact[]) {
  const found = JSON.stringify(policy.snapshot((await open(disk.cut('kept'))).state));
  const all = [...batch.keys(), batch.length].map((count) => [...acked, ...batch.slice(0, count)]);
  const fits = all.find((facts) => JSON.stringify(policy.snapshot(policy.replay(facts))) === found);
  if (fits === undefined) throw new Error('neither what was acknowledged nor what was appended');
  return fits;
}

test('keeps what was acknowledged through refusals, rewrites and cuts', async () => {
  for (const seed of seeds) {
    const random = createRandom(seed);
    const next = createFacts(random);
    let life: Life = { disk: createMemoryDisk(), acked: [] };
    for (let round = 0; round < 8; round += 1) {
      life = await live(random, next, life);
      const { state } = await open(life.disk.cut('kept'));
      assert.equal(state, policy.replay(life.acked), `seed ${seed}, life ${round}`);
    }
  }
});

test.run();
