// The seed dialect of SOTA (protocol 2.1, "P1"): packages by name and version, the vehicle by VIN.
// Untrusted parameters in, a typed request or a reason out; messages out as service and parameters.
import { chunkBytes, chunksCountMax, logLinesMax, nameBytesMax } from '../limits.ts';
import { isObject, member, readBase64, readCount, readList } from './fields.ts';
import { readName, readObject, readSha1, readText, wellFormed } from './fields.ts';
import type { JsonObject, Read } from './fields.ts';
import type {
  BackendServices,
  Message,
  Offer,
  PackageId,
  Request,
  ServiceNames,
} from '../core/model.ts';

export const services = ['notify', 'start', 'chunk', 'finish', 'getpackages', 'abort'] as const;
type Service = (typeof services)[number];

/** `/sota/chunk`, or the same behind a prefix that was not stripped. */
export function serviceOf(name: string): Service | undefined {
  const last = name.split('/').filter((part) => part !== '');
  if (last.at(-2) !== 'sota') return undefined;
  return services.find((service) => service === last.at(-1));
}

export function decodeRequest(service: Service, parameters: unknown): Read<Request> {
  // These two carry nothing; what stands there differs from node to node (protocol 5.6).
  if (service === 'getpackages') return { ok: true, value: { kind: 'getpackages' } };
  if (service === 'abort') return decodeAbort(parameters);
  const body = readObject(parameters, 'parameters');
  if (!body.ok) return body;
  switch (service) {
    case 'notify':
      return decodeNotify(body.value);
    case 'start':
      return decodeStart(body.value);
    case 'chunk':
      return decodeChunk(body.value);
    case 'finish': {
      const id = readId(body.value);
      return id.ok ? { ok: true, value: { kind: 'finish', id: id.value } } : id;
    }
  }
}

/** One that names a package badly must not become one of all. */
function decodeAbort(parameters: unknown): Read<Request> {
  const named = isObject(parameters) ? (member(parameters, 'package') ?? undefined) : undefined;
  if (!isObject(parameters) || named === undefined) {
    return { ok: true, value: { kind: 'abort', id: undefined } };
  }
  const id = readId(parameters);
  return id.ok ? { ok: true, value: { kind: 'abort', id: id.value } } : id;
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

/** Offers never come again, so a bad one among them takes no good one along. */
function decodeNotify(body: JsonObject): Read<Request> {
  const listed = readList(member(body, 'packages'), 'packages');
  if (!listed.ok) return listed;
  const read = listed.value.map((value, at) => readOffer(value, `packages[${at}]`));
  const offers = read.flatMap((one) => (one.ok ? [one.value] : []));
  const first = read.find((one) => !one.ok);
  if (offers.length === 0 && first !== undefined && !first.ok) return first;
  // There may be a hundred thousand of them; the log would count the others.
  const left = read.flatMap((one) => (one.ok ? [] : [one.reason])).slice(0, logLinesMax);
  const named = readServices(member(body, 'services'));
  return { ok: true, value: { kind: 'notify', offers, refused: left, services: named } };
}

function readOffer(value: unknown, path: string): Read<Offer> {
  const entry = readObject(value, path);
  if (!entry.ok) return entry;
  const id = readId(entry.value, `${path}.package`);
  if (!id.ok) return id;
  // For people only, so a strange size is no reason to lose an offer.
  const size = readCount(member(entry.value, 'size'), path, 0, Number.MAX_SAFE_INTEGER);
  return { ok: true, value: { id: id.value, sizeBytes: size.ok ? size.value : 0 } };
}

/** Names are taken verbatim (protocol 5.8); an incomplete set is no set. */
function readServices(value: unknown): BackendServices | undefined {
  if (!isObject(value)) return undefined;
  const name = (key: string) => readText(member(value, key), key, nameBytesMax);
  const [start, ack, report, packages] = [
    name('start'),
    name('ack'),
    name('report'),
    name('packages'),
  ];
  if (!start.ok || !ack.ok || !report.ok || !packages.ok) return undefined;
  return { start: start.value, ack: ack.value, report: report.value, packages: packages.value };
}

function decodeStart(body: JsonObject): Read<Request> {
  const id = readId(body);
  if (!id.ok) return id;
  const checksum = readSha1(member(body, 'checksum'), 'checksum');
  if (!checksum.ok) return checksum;
  const count = readCount(member(body, 'chunkscount'), 'chunkscount', 0, chunksCountMax);
  if (!count.ok) return count;
  const start = { kind: 'start', id: id.value, checksum: checksum.value } as const;
  return { ok: true, value: { ...start, chunksCount: count.value } };
}

function decodeChunk(body: JsonObject): Read<Request> {
  const id = readId(body);
  if (!id.ok) return id;
  const index = readCount(member(body, 'index'), 'index', 1, chunksCountMax);
  if (!index.ok) return index;
  const data = readBase64(member(body, 'bytes'), 'bytes', chunkBytes);
  if (!data.ok) return data;
  const chunk = { kind: 'chunk', id: id.value, chunkIndex: index.value } as const;
  return { ok: true, value: { ...chunk, data: data.value } };
}

// ---------------------------------------------------------------- out

export type Outgoing = { readonly service: string; readonly parameters: readonly JsonObject[] };

/** Always a list of one: a bare object crashes the scheduler of a 0.4 node (protocol 1.6). */
export function encodeMessage(
  message: Message,
  backend: BackendServices,
  names: ServiceNames,
  vin: string,
): Outgoing {
  switch (message.kind) {
    case 'start': {
      const { start, chunk, finish, getpackages, abort } = names;
      const ours = { start, chunk, finish, getpackages, abort };
      const body = { vin, packages: [message.id], services: ours };
      return { service: backend.start, parameters: [body] };
    }
    case 'ack': {
      const body = { vin, package: message.id, chunks: message.chunks };
      return { service: backend.ack, parameters: [body] };
    }
    case 'report': {
      const { id, status, description } = message.report;
      const body = { vin, package: id, status, description: wellFormed(description) };
      return { service: backend.report, parameters: [body] };
    }
    case 'packages': {
      const packages = message.packages.map(({ name, version }) => ({
        name: wellFormed(name),
        version: wellFormed(version),
      }));
      return { service: backend.packages, parameters: [{ vin, packages }] };
    }
  }
}

export function defaultServices(prefix: string): BackendServices {
  const name = (service: string) => `${prefix}/sota/${service}`;
  return {
    start: name('start'),
    ack: name('ack'),
    report: name('report'),
    packages: name('packages'),
  };
}

/**
 * `genivi.org/vin/<VIN>/sota/start`; prefixes differ, the third element is the custom (protocol
 * 1.2).
 */
export function vinOf(fullName: string): string | undefined {
  const parts = fullName.split('/').filter((part) => part !== '');
  const at = parts.indexOf('vin');
  const vin = at >= 0 ? parts[at + 1] : parts[2];
  return vin === undefined || vin === 'sota' ? undefined : vin;
}
