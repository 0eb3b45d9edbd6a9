// Tests the codec with every kind of fact, with every bit of a record changed, and with every field
// of a fact removed or of another type.

import { journalFold } from '../../../src/agent/journal-fold.ts';
import { policy } from '../../../src/agent/backend.ts';
import { crc32 } from '../../../src/crc32.ts';
import { pageChunks } from '../../../src/core/chunk-set.ts';
import { recordBytesMax, recordChunkBytesMax } from '../../../src/limits.ts';
import { encodeBatch } from '../../../src/store/journal-codec.ts';
import { oldJournal, oldRecord as encodeRecord } from '../../support/old-journal.ts';
import { assert, suite } from '../../support/suite.ts';
import { checksum, engine, held } from '../../support/store.ts';
import { decodeJournal as decodeRecords } from '../../support/decode-journal.ts';
import type { Fact } from '../../../src/agent/backend.ts';

const test = suite('records');
const id = engine;
const page = {
  held: new Uint8Array(pageChunks / 8).fill(0xa5),
  crcs: Uint32Array.from({ length: pageChunks }, (_, at) => at * 16_777_259),
};
const report = { id, status: true, code: 'ok', description: 'neu: ✓ "x"' } as const;

const every: { readonly [K in Fact['kind']]: Extract<Fact, { readonly kind: K }> } = {
  'server-named': {
    kind: 'server-named',
    services: { start: 'b/start', ack: 'b/ack', report: 'b/report', packages: 'b/packages' },
  },
  'resume-method-learned': {
    kind: 'resume-method-learned',
    context: 'after-start',
    method: 'empty',
  },
  'ack-list-learned': { kind: 'ack-list-learned', list: 'single' },
  'dialect-learned': { kind: 'dialect-learned', dialect: 'P3', hasNoInstallTimeout: true },
  offered: {
    kind: 'offered',
    id,
    sizeBytes: 9,
    update: { signature: 's', description: 'neu: ✓', isConfirmationWanted: true },
  },
  consented: { kind: 'consented', id, by: 'person' },
  'consent-needed': { kind: 'consent-needed', id },
  'start-deferred': { kind: 'start-deferred', id, start: { checksum, chunksCount: 32_768 } },
  declined: { kind: 'declined', id },
  'transfer-started': { kind: 'transfer-started', id, number: 3, checksum, chunksCount: 32_768 },
  'chunk-stored': { kind: 'chunk-stored', number: 3, chunkIndex: 1, sizeBytes: 65_536, crc: 0 },
  'chunk-removed': { kind: 'chunk-removed', number: 3, chunkIndex: 32_768 },
  'transfer-complete': { kind: 'transfer-complete', number: 3, signature: 's' },
  'extra-package-seen': { kind: 'extra-package-seen', id },
  'transfer-discarded': { kind: 'transfer-discarded', id },
  aborted: { kind: 'aborted', id },
  'install-started': {
    kind: 'install-started',
    id,
    install: { attempt: 1, installer: 'opkg', before: '{}' },
  },
  'reboot-pending': { kind: 'reboot-pending', id, bootId: 'b' },
  'outcome-recorded': { kind: 'outcome-recorded', report, checksum },
  'report-confirmed': { kind: 'report-confirmed', id },
  'attempts-reset': { kind: 'attempts-reset', id },
  'inventory-requested': { kind: 'inventory-requested' },
  'inventory-sent': { kind: 'inventory-sent' },
  'records-lost': { kind: 'records-lost' },
  'package-origin': { kind: 'package-origin', id },
  counters: { kind: 'counters', nextNumber: 4, nextOrder: 5 },
  'history-entry': {
    kind: 'history-entry',
    entry: { id, checksum, attempts: 2, outcome: 'open', description: '' },
  },
  'confirmation-required': { kind: 'confirmation-required', id },
  'chunk-page': { kind: 'chunk-page', number: 3, page: 127, data: page },
};
const all: readonly Fact[] = Object.values(every);

/** Returns whether the codec reads the value back as a fact of this version. */
function isFact(value: object): boolean {
  const fact: Fact = Object.assign({ kind: 'records-lost' } as const, value);
  try {
    const text = JSON.stringify(journalFold.codec.encode(fact));
    return journalFold.codec.decode(JSON.parse(text)) !== undefined;
  } catch {
    return false;
  }
}

test('spells every kind of fact so that it is read back the same', () => {
  for (const fact of all) {
    const decoded = decodeRecords(journalFold, encodeRecord(fact));
    assert.equal(decoded.facts, [fact], fact.kind);
    assert.is(decoded.unknownCount, 0);
  }
});

test('reads records behind each other, also from the middle of a buffer', () => {
  const data = Buffer.concat([Buffer.from('xyz'), ...all.map(encodeRecord)]).subarray(3);
  const decoded = decodeRecords(journalFold, data);
  assert.equal(decoded.facts, all);
  assert.is(decoded.soundBytes, data.length);
});

test('does not take a fact for another when any bit of its record is changed', () => {
  const facts = [held(7), held(8)];
  for (const record of [oldJournal(facts), encodeBatch(journalFold.codec, facts, 1).originals]) {
    for (let bit = 0; bit < record.length * 8; bit += 1) {
      const data = Buffer.from(record);
      const at = bit >> 3;
      data[at] = (data[at] ?? 0) ^ (1 << (bit & 7));
      const found = decodeRecords(journalFold, data).facts.filter(
        ({ kind }) => kind === 'chunk-stored',
      );
      assert.equal(found, at < record.length / 2 ? [held(8)] : [held(7)], `bit ${bit}`);
    }
  }
});

test('says a chunk in no more than 64 bytes, whatever its numbers', () => {
  const largest = {
    kind: 'chunk-stored',
    number: Number.MAX_SAFE_INTEGER,
    chunkIndex: 32_768,
    sizeBytes: 65_536,
    crc: 0xffff_ffff,
  } as const;
  const bytes = encodeBatch(journalFold.codec, [largest], 1).originals.length;
  assert.ok(bytes <= recordChunkBytesMax && recordChunkBytesMax <= 64, `${bytes} bytes`);
});

test('refuses to write what it could not read back', () => {
  const description = 'x'.repeat(recordBytesMax);
  const settled = { ...every['outcome-recorded'], report: { ...report, description } };
  assert.throws(() => encodeBatch(journalFold.codec, [settled], 1), /too long/);
});

test('believes a fact only with each of its fields, and with its type', () => {
  const maybe = [
    'outcome-recorded checksum',
    'offered update',
    'transfer-complete signature',
    'dialect-learned hasNoInstallTimeout',
    'consented by',
    'start-deferred start',
  ];
  const others = [undefined, null, -1, 0.5, 2 ** 53, '', 'x', [], {}, true];
  for (const fact of all) {
    assert.ok(isFact(fact), fact.kind);
    for (const [name, value] of Object.entries(fact)) {
      for (const other of others) {
        if (typeof other === typeof value && typeof value !== 'number') continue;
        if (other === undefined && maybe.includes(`${fact.kind} ${name}`)) continue;
        assert.not.ok(isFact({ ...fact, [name]: other }), `${fact.kind} ${name} ${String(other)}`);
      }
    }
  }
});

test('reads what the version before wrote, which knew no updates', () => {
  const before = [
    '{"kind":"offered","id":{"name":"engine","version":"2.0.1"},"sizeBytes":9}',
    '{"kind":"finished","number":3}',
  ];
  const records = before.map((text) => {
    const payload = Buffer.from(text);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(payload.length, 0);
    head.writeUInt32LE(crc32(payload), 4);
    return Buffer.concat([head, payload]);
  });
  const { facts, unknownCount } = decodeRecords(journalFold, Buffer.concat(records));
  assert.equal(
    facts.map(({ kind }) => kind),
    ['offered', 'transfer-complete'],
  );
  assert.is(unknownCount, 0);
  const { packages } = policy.replay(facts).core;
  assert.equal(
    [...packages.values()].map(({ update }) => update),
    [undefined],
  );
});

test('believes no number that would break what is made of it', () => {
  const bad = [
    { ...every['chunk-stored'], chunkIndex: 0 },
    { ...every['chunk-stored'], chunkIndex: 32_769 },
    { ...every['chunk-stored'], sizeBytes: 65_537 },
    { ...every['chunk-stored'], crc: 2 ** 32 },
    { ...every['chunk-removed'], chunkIndex: 0 },
    { ...every['chunk-page'], page: 128 },
    { ...every['transfer-started'], chunksCount: 32_769 },
  ];
  for (const one of bad) assert.not.ok(isFact(one), JSON.stringify(one));
});

test('believes no page of another length', () => {
  for (const bytes of [0, 31, 33]) {
    const data = { ...page, held: new Uint8Array(bytes) };
    assert.not.ok(isFact({ ...every['chunk-page'], data }));
  }
  assert.not.ok(isFact({ ...every['chunk-page'], data: { ...page, crcs: new Uint32Array(255) } }));
  const short = { ...every['chunk-page'], data: { ...page, crcs: new Uint32Array(3) } };
  assert.is(decodeRecords(journalFold, encodeRecord(short)).unknownCount, 1);
});

test.run();
