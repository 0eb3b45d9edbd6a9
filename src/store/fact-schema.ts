// Is this a fact? A record whose CRC is right was written by an agent, but maybe by another
// version.
import { pageChunks } from '../core/chunk-set.ts';
import { chunkBytes, chunksCountMax } from '../limits.ts';
import type { Fact } from '../core/events.ts';

type Check = (value: unknown) => boolean;
type Fields = { readonly [name: string]: Check };

const text: Check = (value) => typeof value === 'string';
const flag: Check = (value) => typeof value === 'boolean';
const count: Check = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const within =
  (min: number, max: number): Check =>
  (value) =>
    count(value) && Number(value) >= min && Number(value) <= max;
const one =
  (...allowed: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && allowed.includes(value);
const object =
  (fields: Fields): Check =>
  (value) =>
    has(value, fields);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const chunkIndex = within(1, chunksCountMax);
const id = object({ name: text, version: text });
const services = object({ start: text, ack: text, report: text, packages: text });
const update = object({
  signature: text,
  description: text,
  isConfirmationWanted: flag,
});
const started = object({ checksum: text, chunksCount: within(0, chunksCountMax) });
const install = object({ attempt: count, installer: text, before: text });
const report = object({ id, status: flag, code: text, description: text });
const outcome = one('open', 'installed', 'failed', 'aborted');
const entry = object({ id, checksum: text, attempts: count, outcome, description: text });
const page: Check = (value) =>
  has(value, {
    held: (held) => held instanceof Uint8Array && held.length === pageChunks / 8,
    crcs: (crcs) => crcs instanceof Uint32Array && crcs.length === pageChunks,
  });

const shapes: { readonly [K in Fact['kind']]: Fields } = {
  'server-named': { services },
  'resume-method-learned': {
    context: one('after-start', 'resume'),
    method: one('full', 'empty', 'start'),
    services: maybe(services),
  },
  'dialect-learned': { dialect: one('P1', 'P2', 'P3'), hasNoInstallTimeout: maybe(flag) },
  // Older journals have no update.
  offered: { id, sizeBytes: count, update: maybe(update) },
  // Older journals do not tell who accepted.
  consented: { id, by: maybe(one('person')) },
  'consent-needed': { id },
  'start-deferred': { id, start: maybe(started) },
  declined: { id },
  'transfer-started': { id, number: count, checksum: text, chunksCount: within(0, chunksCountMax) },
  'chunk-stored': {
    number: count,
    chunkIndex,
    sizeBytes: within(0, chunkBytes),
    crc: within(0, 0xffff_ffff),
  },
  'chunk-removed': { number: count, chunkIndex },
  'transfer-complete': { number: count, signature: maybe(text) },
  'extra-package-seen': { id },
  'transfer-discarded': { id },
  aborted: { id },
  'install-started': { id, install },
  'reboot-pending': { id, bootId: text },
  'outcome-recorded': { report, checksum: maybe(text) },
  'report-confirmed': { id },
  'attempts-reset': { id },
  'inventory-requested': { services: maybe(services) },
  'inventory-sent': {},
  'records-lost': {},
  counters: { nextNumber: count, nextOrder: count },
  'history-entry': { entry },
  'confirmation-required': { id },
  'chunk-page': { number: count, page: within(0, chunksCountMax / pageChunks - 1), data: page },
};

export function isFact(value: unknown): value is Fact {
  if (!isRecord(value) || typeof value['kind'] !== 'string') return false;
  const fields = Object.entries(shapes).find(([kind]) => kind === value['kind'])?.[1];
  return fields !== undefined && has(value, fields);
}

function has(value: unknown, fields: Fields): boolean {
  return isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
}

export function isRecord(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
