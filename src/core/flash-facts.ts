// The encoding of core facts in the journal. The names on flash never change, because the agent
// reads the journals of each released version.
import { createCodec } from '../fact-codec.ts';
import { chunkBytes, chunksCountMax } from '../limits.ts';
import { count, flag, isObject, object, oneOf, optional, text, within } from '../schema.ts';
import { pageChunks } from './chunk-set.ts';
import type { Codec, Entry, FieldChecks, Table } from '../fact-codec.ts';
import type { Check } from '../schema.ts';
import type { Fact } from './events.ts';
import type { ReportCode } from './model.ts';

const chunkIndex = within(1, chunksCountMax);
const chunksCount = within(0, chunksCountMax);
const id = object({ name: text, version: text });
const update = object({ signature: text, description: text, isConfirmationWanted: flag });
const announcement = object({ checksum: text, chunksCount });
const install = object({ attempt: count, installer: text, before: text });
/** Accepts any string, because another version may have further codes. */
const code: Check<ReportCode> = (value): value is ReportCode => text(value);
const report = object({ id, status: flag, code, description: text });
const outcome = oneOf('open', 'installed', 'failed', 'aborted');
const entry = object({ id, checksum: text, attempts: count, outcome, description: text });
const held: Check<Uint8Array> = (value): value is Uint8Array =>
  value instanceof Uint8Array && value.length === pageChunks / 8;
const crcs: Check<Uint32Array> = (value): value is Uint32Array =>
  value instanceof Uint32Array && value.length === pageChunks;

function critical<F>(flash: string, fields: FieldChecks<F>): Entry<F> {
  return { flash, fields, isCritical: true };
}
/** If the record is lost, the agent receives the chunk again. */
function repeatable<F>(flash: string, fields: FieldChecks<F>): Entry<F> {
  return { flash, fields, isCritical: false };
}

const table: Table<Fact> = {
  // Older journals have no `update`.
  offered: critical('offered', { id, sizeBytes: count, update: optional(update) }),
  // Older journals have no `by`.
  consented: critical('consented', { id, by: optional(oneOf('person')) }),
  'consent-needed': critical('consent-needed', { id }),
  'start-deferred': critical('start-held', { id, start: optional(announcement) }),
  declined: critical('declined', { id }),
  'transfer-started': critical('opened', { id, number: count, checksum: text, chunksCount }),
  'chunk-stored': repeatable('chunk-held', {
    number: count,
    chunkIndex,
    sizeBytes: within(0, chunkBytes),
    crc: within(0, 0xffff_ffff),
  }),
  'chunk-removed': repeatable('chunk-dropped', { number: count, chunkIndex }),
  'transfer-complete': critical('finished', { number: count, signature: optional(text) }),
  'extra-package-seen': critical('split', { id }),
  'transfer-discarded': critical('closed', { id }),
  aborted: critical('aborted', { id }),
  'install-started': critical('install-intended', { id, install }),
  'reboot-pending': critical('reboot-awaited', { id, bootId: text }),
  'outcome-recorded': critical('settled', { report, checksum: optional(text) }),
  'report-confirmed': critical('reported', { id }),
  'attempts-reset': critical('forgiven', { id }),
  'records-lost': critical('records-lost', {}),
  counters: critical('counted', { nextNumber: count, nextOrder: count }),
  'history-entry': critical('remembered', { entry }),
  'confirmation-required': critical('confirmation-known', { id }),
  'chunk-page': repeatable('page-held', {
    number: count,
    page: within(0, chunksCountMax / pageChunks - 1),
    data: object({ held, crcs }),
  }),
};

const plain = createCodec<Fact>(table);

/**
 * The fact of a chunk is the most frequent one. It is a short array, so that its record stays
 * within 64 bytes. A page consists of two base64 strings.
 */
export const coreFacts: Codec<Fact> = {
  encode(fact) {
    if (fact.kind === 'chunk-stored') {
      return ['c', fact.number, fact.chunkIndex, fact.sizeBytes, fact.crc];
    }
    if (fact.kind !== 'chunk-page') return plain.encode(fact);
    const { number, page: at, data } = fact;
    const crcTexts = base64(new Uint8Array(Uint32Array.from(data.crcs).buffer));
    return {
      kind: 'page-held',
      number,
      page: at,
      data: { held: base64(data.held), crcs: crcTexts },
    };
  },
  decode(value) {
    if (Array.isArray(value) && value[0] === 'c') {
      const [, number, index, sizeBytes, crc]: readonly unknown[] = value;
      return plain.decode({ kind: 'chunk-held', number, chunkIndex: index, sizeBytes, crc });
    }
    if (!isObject(value) || value['kind'] !== 'page-held') return plain.decode(value);
    const data = value['data'];
    if (!isObject(data) || typeof data['held'] !== 'string' || typeof data['crcs'] !== 'string') {
      return undefined;
    }
    const bits = new Uint8Array(Buffer.from(data['held'], 'base64'));
    const sums = new Uint8Array(Buffer.from(data['crcs'], 'base64'));
    if (sums.length % 4 !== 0) return undefined;
    return plain.decode({ ...value, data: { held: bits, crcs: new Uint32Array(sums.buffer) } });
  },
  isCritical: plain.isCritical,
};

const base64 = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
