// Tests the store with a damaged journal. The journal contains a pending report, an attempt and
// chunks; the test flips a bit in every 13th byte, or clears 512 or 4 096 bytes at each sector. It
// checks the kept facts, the log and later writes.
import { journalFold } from '../../../src/agent/journal-fold.ts';
import { policy } from '../../../src/agent/backend.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { keyOf } from '../../../src/core/decision-helpers.ts';

import { readFlash } from '../../../src/offline-status.ts';
import { damagedBytesMax } from '../../../src/limits.ts';
import { encodeJournal } from '../../../src/store/journal-codec.ts';
import { encodeHeader } from '../../../src/store/frame.ts';
import { openStore } from '../../../src/store/store.ts';
import { settings } from '../../support/core.ts';
import { createMemoryDisk } from '../../support/memory-disk.ts';
import { oldJournal } from '../../support/old-journal.ts';
import { assert, suite } from '../../support/suite.ts';
import { checksum, engine, held, must, opened } from '../../support/store.ts';
import { decodeJournal } from '../../support/decode-journal.ts';
import type { Fact } from '../../../src/agent/backend.ts';
import type { State } from '../../../src/agent/backend.ts';
import type { MemoryDisk } from '../../support/memory-disk.ts';

const test = suite('damage of the journal');
const path = '/s/journal';
const radio = { name: 'radio', version: '1.0' };
const report = { id: radio, status: true, code: 'ok', description: 'done' } as const;
const install = { attempt: 2, installer: 'opkg', before: '{}' };
const empty = Buffer.alloc(0);

const batches: readonly (readonly Fact[])[] = [
  opened(2, 3, radio),
  opened(),
  [held(1), held(2)],
  [held(3), held(4), { kind: 'transfer-complete', number: 1 }],
  [{ kind: 'install-started', id: engine, install: { ...install, attempt: 1 } }],
  [{ kind: 'outcome-recorded', report, checksum }],
  [{ kind: 'install-started', id: engine, install }],
  [held(1, undefined, 2)],
];

async function written(): Promise<MemoryDisk> {
  const disk = createMemoryDisk();
  const store = must(await openStore(disk, '/s', 0, journalFold));
  for (const batch of batches) must(await store.commit(batch));
  return disk;
}

function holdsAll(state: State, what: string): void {
  const phase = state.core.packages.get(keyOf(engine))?.phase;
  assert.is(phase?.kind === 'installing' ? phase.install.attempt : 0, 2, what);
  const owed = state.core.packages.get(keyOf(radio))?.phase;
  assert.equal(owed?.kind === 'reporting' ? owed.report : undefined, report, what);
  const attempts = [...state.core.history.values()].map((entry) => entry.attempts);
  assert.equal([...attempts].sort(), [0, 2], what);
}

function damagedAt(journal: Buffer, at: number, bytes: number): Buffer {
  const data = Buffer.from(journal);
  if (bytes === 1) data[at] = (data[at] ?? 0) ^ 0x10;
  else data.fill(0, at, Math.min(data.length, at + bytes));
  return data;
}

for (const bytes of [1, 512, 4_096]) {
  test(`of ${bytes} bytes, anywhere, costs neither report nor attempt, and is said`, async () => {
    const appended = (await written()).content(path) ?? empty;
    const disk = createMemoryDisk();
    const store = must(await openStore(disk, '/s', 0, journalFold));
    must(await store.rewrite(policy.snapshot(policy.replay(batches.flat()))));
    for (const journal of [appended, disk.content(path) ?? empty]) {
      // test/sim/damage.test.ts damages each byte of many journals.
      const step = bytes === 1 ? 13 : 512;
      for (let at = 0; at < journal.length; at += step) {
        const data = damagedAt(journal, at, bytes);
        if (data.equals(journal)) continue;
        const decoded = decodeJournal(journalFold, data);
        const what = `${bytes} bytes at ${at} of ${journal.length}`;
        assert.ok(decoded.damages.length > 0 || decoded.tornBytes > 0, what);
        assert.not.ok(decoded.isForeign, what);
        holdsAll(policy.replay(decoded.facts), what);
      }
    }
  });
}

test('keeps the damaged file before anything else, and goes on with what is left', async () => {
  const disk = await written();
  const journal = disk.content(path) ?? empty;
  const data = damagedAt(journal, journal.indexOf('"consented"'), 1);
  disk.put(path, data);
  disk.put('/s/journal.damaged', 'an earlier one, and longer'.repeat(9_000));
  disk.ops.length = 0;
  const store = must(await openStore(disk, '/s', 0, journalFold));
  assert.equal(disk.content('/s/journal.damaged'), data);
  const changes = disk.ops.filter(({ verb }) => ['write', 'rename'].includes(verb));
  const kept = changes.findIndex((op) => op.path.endsWith('.damaged'));
  assert.ok(kept < changes.findIndex((op) => op.path.endsWith('.new')));
  assert.is(store.damage?.kept, '/s/journal.damaged');
  assert.match(store.damage?.at ?? '', /^\d+\+\d+$/);
  holdsAll(store.state, 'now');
  // The store has repaired the journal, so the next start finds no damage.
  const again = must(await openStore(disk.cut('lost'), '/s', 0, journalFold));
  assert.is(again.damage, undefined);
  holdsAll(again.state, 'later');
});

test('stays in place where it cannot be kept, takes records, and is said again', async () => {
  const disk = await written();
  const journal = disk.content(path) ?? empty;
  disk.put(path, damagedAt(journal, journal.indexOf('"consented"'), 512));
  disk.refuse((op) => (op.path.endsWith('.damaged') ? 'ENOSPC' : undefined));
  const store = must(await openStore(disk, '/s', 0, journalFold));
  assert.match(store.damage?.kept ?? '', /^not saved: ENOSPC/);
  must(await store.commit([{ kind: 'offered', id: { name: 'maps', version: '3' }, sizeBytes: 1 }]));
  const refused = await store.rewrite(policy.snapshot(store.state));
  assert.not.ok(refused.ok);
  disk.refuse(undefined);
  const again = must(await openStore(disk.cut('lost'), '/s', 0, journalFold));
  assert.is(again.damage?.kept, '/s/journal.damaged');
  assert.is(again.damage?.lost, store.damage?.lost);
  const state = again.state;
  holdsAll(state, 'again');
  assert.ok(state.core.packages.has(keyOf({ name: 'maps', version: '3' })));
});

test('twice over, or all over, ends no start', async () => {
  const journal = (await written()).content(path) ?? empty;
  for (let at = 512; at < journal.length; at += 97) {
    const data = damagedAt(damagedAt(journal, at, 1), (at * 7) % journal.length, 4_096);
    policy.replay(decodeJournal(journalFold, data).facts);
  }
  const disk = createMemoryDisk();
  disk.put(path, damagedAt(journal, 512, journal.length));
  const store = must(await openStore(disk, '/s', 0, journalFold));
  assert.ok(store.damage !== undefined && store.state.core.hasLostRecords);
});

test('keeps no more of it than its bound', async () => {
  const disk = await written();
  const journal = disk.content(path) ?? empty;
  const stray = Buffer.alloc(damagedBytesMax, 0x41);
  disk.put(path, Buffer.concat([journal, stray, journal.subarray(512)]));
  must(await openStore(disk, '/s', 0, journalFold));
  assert.is(disk.content('/s/journal.damaged')?.length, damagedBytesMax);
});

test('is told by the status of an agent that is down, which writes nothing', async () => {
  const disk = await written();
  disk.put('/var/lib/sota-agent/journal', damagedAt(disk.content(path) ?? empty, 700, 1));
  disk.ops.length = 0;
  const directory = '/var/lib/sota-agent';
  const own = { ...settings, storage: { ...settings.storage, directory } };
  const status = must(await readFlash(disk, own, '1'));
  assert.match(status?.storageError ?? '', /^the journal is damaged \(bytes \d+\+\d+\)/);
  assert.equal(
    disk.ops.map(({ verb }) => verb),
    ['open', 'size', 'read', 'close'],
  );
});

test('of a journal of 0.1.0 costs what was hit, and no more', () => {
  const folder = join(process.env['SOTA_AGENT_ROOT'] ?? '.', 'test/fixtures/journal-0.1.0');
  const journal = readFileSync(join(folder, 'report-owed.journal'));
  const whole = decodeJournal(journalFold, journal).facts;
  for (let at = 0; at < journal.length; at += 1) {
    const { facts, damages, tornBytes } = decodeJournal(journalFold, damagedAt(journal, at, 1));
    assert.ok(damages.length > 0 || tornBytes > 0, `${at}`);
    const left = facts.filter(({ kind }) => kind !== 'records-lost');
    assert.is(left.length, whole.length - 1, `byte ${at}`);
  }
});

test('of a journal that holds nothing yet loses nothing, also not its owner', async () => {
  const fresh = encodeJournal(journalFold, [], 1);
  for (let at = 0; at < fresh.length; at += 1) {
    const found = decodeJournal(journalFold, damagedAt(fresh, at, 1));
    assert.equal([found.isForeign, found.lostCount, found.damages.length], [false, 0, 1], `${at}`);
  }
  const places = [3, 9, 40, 200, 259, 270, 400];
  const often = places.reduce((data, at) => damagedAt(data, at, 1), fresh);
  assert.is(decodeJournal(journalFold, often).isForeign, false);
  const disk = createMemoryDisk();
  disk.put(path, damagedAt(fresh, 3, 1));
  const opened = await openStore(disk, '/s', 0, journalFold);
  assert.ok(opened.ok && opened.value.damage?.at === '0+512');
  assert.ok(decodeJournal(journalFold, disk.content(path) ?? Buffer.of()).damages.length === 0);
});

test('of the only record of a journal of 0.1.0 does not lose its owner', () => {
  const id = { name: 'maps', version: '1.0' };
  for (const fact of [
    { kind: 'offered', id, sizeBytes: 7 },
    { kind: 'chunk-stored', number: 1, chunkIndex: 1, sizeBytes: 7, crc: 1 },
  ] as const) {
    const journal = oldJournal([fact]);
    for (let at = 0; at < journal.length; at += 1) {
      assert.is(
        decodeJournal(journalFold, damagedAt(journal, at, 1)).isForeign,
        false,
        `byte ${at}`,
      );
      if (at >= 4)
        assert.is(
          decodeJournal(journalFold, journal.subarray(0, at)).isForeign,
          false,
          `cut ${at}`,
        );
    }
  }
  const noise = '\u0000\u0001'.repeat(99);
  const texts = ['hello', 'a letter', '{"kind":"offered"}', 'SOTA-AGENT', noise];
  for (const text of texts) {
    assert.is(decodeJournal(journalFold, Buffer.from(text)).isForeign, true, text);
  }
});

test('by a newer version is none: its journal is left as it is', async () => {
  const disk = await written();
  const header = encodeHeader({ firstSequence: 1, snapshotBytes: 512 }, 3);
  const data = Buffer.concat([header, Buffer.from('who knows')]);
  disk.put(path, data);
  const refused = await openStore(disk, '/s', 0, journalFold);
  const said = refused.ok ? '' : refused.reason;
  assert.match(said, /has format 3; this version reads formats up to 2/);
  assert.equal(disk.content(path), data);
});

test('reports a chunk that was the last record of the last append, next to a copy', async () => {
  const disk = createMemoryDisk();
  const store = must(await openStore(disk, '/s', 0, journalFold));
  must(await store.commit([...opened(1, 2), held(1)]));
  const whole = Buffer.from(disk.content(path) ?? empty);
  const lost = whole.map((_, at) => {
    const data = Buffer.from(whole);
    data[at] = (data[at] ?? 0) ^ 1;
    return decodeJournal(journalFold, data).lostCount;
  });
  const chunkAt = whole.indexOf('["c",1,1,');
  const openedAt = whole.indexOf('"opened"');
  assert.ok(chunkAt > openedAt && whole.indexOf('"opened"', chunkAt) > chunkAt);
  assert.is(lost[chunkAt], 1);
  // Its copy restores it.
  assert.is(lost[openedAt], 0);
});

test.run();
