// P1: the dialect of the first releases, October 2015 to March 2016 (protocol 2.1). It identifies
// packages by name and version, and the vehicle by its VIN.
import { logLinesMax, nameBytesMax } from '../../../limits.ts';
import { ownServices, readChunk, readServices, readStart } from './dialect.ts';
import { readCount, readList, readName, readObject } from './fields.ts';
import { isObject, member } from '../../../schema.ts';
import { wellFormed } from './fields.ts';
import { printable } from '../../../sanitize.ts';
import type { Offer, PackageId } from '../../../core/model.ts';
import type { Message, Request, ServiceNames } from '../messages.ts';
import type { Dialect, DialectService } from './dialect.ts';
import type { Read } from './fields.ts';
import type { JsonObject } from '../../../schema.ts';

export const p1: Dialect = { decode, encode };

function decode(service: DialectService, body: JsonObject): Read<Request> {
  if (service === 'notify') return decodeNotify(body);
  const id = readId(body);
  if (!id.ok) return id;
  switch (service) {
    case 'start':
      return readStart(body, id.value);
    case 'chunk':
      return readChunk(body, id.value);
    case 'finish':
      return { ok: true, value: { kind: 'finish', id: id.value } };
  }
}

/** Undefined: the parameters name no package. */
export function packageIn(parameters: unknown): Read<PackageId> | undefined {
  if (!isObject(parameters)) return undefined;
  return (member(parameters, 'package') ?? undefined) === undefined
    ? undefined
    : readId(parameters);
}

function readId(body: JsonObject, path = 'package'): Read<PackageId> {
  const object = readObject(member(body, 'package'), path);
  if (!object.ok) return object;
  const name = readName(member(object.value, 'name'), `${path}.name`, nameBytesMax);
  if (!name.ok) return name;
  const version = readName(member(object.value, 'version'), `${path}.version`, nameBytesMax);
  if (!version.ok) return version;
  return { ok: true, value: { name: name.value, version: version.value } };
}

/** The server never repeats an offer, so an invalid one does not invalidate the others. */
function decodeNotify(body: JsonObject): Read<Request> {
  const listed = readList(member(body, 'packages'), 'packages');
  if (!listed.ok) return listed;
  const read = listed.value.map((value, at) => readOffer(value, `packages[${at}]`));
  const offers = read.flatMap((one) => (one.ok ? [one.value] : []));
  const first = read.find((one) => !one.ok);
  if (offers.length === 0 && first !== undefined && !first.ok) return first;
  // A notify may contain a hundred thousand invalid entries: the log needs only the first ones.
  const refused = read.flatMap((one) => (one.ok ? [] : [one.reason])).slice(0, logLinesMax);
  const named = member(body, 'services');
  const services = readServices(named);
  // Only S-A names a service `cancel`, and it has no install timeout (protocol 2.1, 2.4).
  const hasNoInstallTimeout = isObject(named) && member(named, 'cancel') !== undefined;
  const patience = hasNoInstallTimeout ? { hasNoInstallTimeout } : {};
  const notify = { kind: 'notify', offers, refused, services, dialect: 'P1' } as const;
  return { ok: true, value: { ...notify, ...patience } };
}

function readOffer(value: unknown, path: string): Read<Offer> {
  const entry = readObject(value, path);
  if (!entry.ok) return entry;
  const id = readId(entry.value, `${path}.package`);
  if (!id.ok) return id;
  // The size is only displayed, so an invalid one does not invalidate the offer.
  const size = readCount(member(entry.value, 'size'), path, 0, Number.MAX_SAFE_INTEGER);
  return { ok: true, value: { id: id.value, sizeBytes: size.ok ? size.value : 0 } };
}

function encode(message: Message, names: ServiceNames, vin: string): JsonObject {
  switch (message.kind) {
    case 'start':
      return { vin, packages: [message.id], services: ownServices(names) };
    case 'ack':
      return { vin, package: message.id, chunks: message.chunks };
    case 'report': {
      const { id, status, description } = message.report;
      return { vin, package: id, status, description: printable(wellFormed(description)) };
    }
    case 'packages':
      return { vin, packages: encodePackages(message.packages) };
  }
}

export function encodePackages(packages: readonly PackageId[]): readonly JsonObject[] {
  return packages.map(({ name, version }) => ({
    name: wellFormed(name),
    version: wellFormed(version),
  }));
}
