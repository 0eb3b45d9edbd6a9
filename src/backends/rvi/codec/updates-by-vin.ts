// P2: March to June 2016 (protocol 2.2). A notify offers one update with an id, and a report lists
// operations; the VIN identifies the vehicle. An update names no package. So its id becomes the
// name, and its version is empty, as never in P1.
import { descriptionBytesMax, nameBytesMax, signatureBytesMax } from '../../../limits.ts';
import { printable, shortenedBytes } from '../../../sanitize.ts';
import { ownServices, readChunk, readServices, readStart } from './dialect.ts';
import { readCount, readName, readObject, wellFormed } from './fields.ts';
import { isObject, member } from '../../../schema.ts';
import { encodePackages } from './packages-by-vin.ts';
import type { PackageId, Report, ReportCode } from '../../../core/model.ts';
import type { Message, Request } from '../messages.ts';
import type { Update } from '../../../core/model.ts';
import type { ServiceNames } from '../messages.ts';
import type { Dialect, DialectService } from './dialect.ts';
import type { Read } from './fields.ts';
import type { JsonObject } from '../../../schema.ts';

export const p2: Dialect = {
  decode: (service, body) => decodeUpdate(service, body, 'P2'),
  encode: (message, names, vin) => ({ vin, ...encode(message, names) }),
};

/** Versions are never empty in P1, so only an update has an empty one. */
export const isUpdate = ({ version }: PackageId) => version === '';

export function decodeUpdate(
  service: DialectService,
  body: JsonObject,
  dialect: 'P2' | 'P3',
): Read<Request> {
  if (service === 'notify') return decodeNotify(body, dialect);
  const id = readId(body);
  if (!id.ok) return id;
  switch (service) {
    case 'start':
      return readStart(body, id.value);
    case 'chunk':
      return readChunk(body, id.value);
    case 'finish': {
      const signature = readSignature(member(body, 'signature'), 'signature');
      // If the signature is invalid, that of the notify is used: a finish is never repeated.
      const given = signature.ok ? { signature: signature.value } : {};
      return { ok: true, value: { kind: 'finish', id: id.value, ...given } };
    }
  }
}

function readId(body: JsonObject, path = 'update_id'): Read<PackageId> {
  const id = readName(member(body, 'update_id'), path, nameBytesMax);
  return id.ok ? { ok: true, value: { name: id.value, version: '' } } : id;
}

/** Undefined: the parameters name no update. */
export function updateIn(parameters: unknown): Read<PackageId> | undefined {
  if (!isObject(parameters)) return undefined;
  const isNamed = (member(parameters, 'update_id') ?? undefined) !== undefined;
  return isNamed ? readId(parameters) : undefined;
}

/** The first servers of P2 send `update` (protocol 2.2). */
export const offerNames = ['update_available', 'update'] as const;

function decodeNotify(body: JsonObject, dialect: 'P2' | 'P3'): Read<Request> {
  const name = offerNames.find((one) => member(body, one) !== undefined) ?? offerNames[0];
  const offer = readObject(member(body, name), name);
  if (!offer.ok) return offer;
  const id = readId(offer.value, `${name}.update_id`);
  if (!id.ok) return id;
  const update = readUpdate(offer.value, name);
  if (!update.ok) return update;
  // The size is only displayed, so an invalid one does not invalidate the offer.
  const size = readCount(member(offer.value, 'size'), name, 0, Number.MAX_SAFE_INTEGER);
  const offers = [{ id: id.value, sizeBytes: size.ok ? size.value : 0, update: update.value }];
  const services = readServices(member(body, 'services'));
  return { ok: true, value: { kind: 'notify', offers, refused: [], services, dialect } };
}

function readUpdate(offer: JsonObject, path: string): Read<Update> {
  const signature = readSignature(member(offer, 'signature'), `${path}.signature`);
  if (!signature.ok) return signature;
  const text = member(offer, 'description');
  const description =
    typeof text === 'string'
      ? shortenedBytes(wellFormed(text).replaceAll('\0', ' '), descriptionBytesMax)
      : '';
  // Any other value requests a confirmation: an unneeded one does less harm than a missing one.
  const wish = member(offer, 'request_confirmation') ?? false;
  const isConfirmationWanted = wish !== false;
  return { ok: true, value: { signature: signature.value, description, isConfirmationWanted } };
}

/**
 * Rejects a signature that is too long, since a truncated one is useless. Programs get it as an
 * environment variable.
 */
function readSignature(value: unknown, path: string): Read<string> {
  if (value === undefined || value === null) return { ok: true, value: '' };
  if (typeof value !== 'string') return { ok: false, reason: `${path}: a string is needed` };
  if (Buffer.byteLength(value) > signatureBytesMax) {
    return { ok: false, reason: `${path}: longer than ${signatureBytesMax} bytes` };
  }
  const isSound = !value.includes('\0') && wellFormed(value) === value;
  return isSound ? { ok: true, value } : { ok: false, reason: `${path}: it is not valid text` };
}

// ---------------------------------------------------------------- out

/**
 * The first servers read `update` and `packages`, later ones `update_report` and
 * `installed_software`. A server ignores unknown members (protocol 2, 2.2).
 */
function encode(message: Message, names: ServiceNames): JsonObject {
  const body = encodeUpdate(message, names);
  if (message.kind === 'report') return { ...body, update: body['update_report'] };
  if (message.kind !== 'packages') return body;
  return { ...body, packages: encodePackages(message.packages) };
}

/** Encodes everything except the vehicle. */
export function encodeUpdate(message: Message, names: ServiceNames): JsonObject {
  switch (message.kind) {
    case 'start':
      return { update_id: message.id.name, services: ownServices(names) };
    case 'ack':
      return { update_id: message.id.name, chunks: message.chunks };
    case 'report':
      return { update_report: encodeReport(message.report) };
    case 'packages': {
      // The list is required (protocol 2.3); the agent has no firmware versions of modules.
      const packages = encodePackages(message.packages);
      return { installed_software: { packages, firmware: [] } };
    }
  }
}

/** An operation id must be a UUID (protocol 2.3); the agent has only that of the update. */
function encodeReport({ id, status, code, description }: Report): JsonObject {
  const number = status && code !== 'already-processed' ? resultCodes.ok : resultCodes[code];
  const text = printable(wellFormed(description));
  const result = { id: id.name, result_code: number, result_text: text };
  return { update_id: id.name, operation_results: [result] };
}

/** The result codes of the reference client (protocol 2.3): 0 and 1 are success. */
const resultCodes: { readonly [code in ReportCode]: number } = {
  ok: 0,
  'already-processed': 1,
  'validation-failed': 3,
  'install-failed': 4,
  'user-declined': 13,
  'disk-full': 15,
  'old-version': 17,
  'general-error': 19,
};
