// What the message dialects of the SOTA server share (protocol 2.1 to 2.3). Each dialect has its
// own file, and `dialects.ts` lists them.
import { chunkBytes, chunksCountMax, nameBytesMax } from '../../../limits.ts';
import { readBase64, readCount, readSha1, readText } from './fields.ts';
import { isObject, member } from '../../../schema.ts';
import type { PackageId } from '../../../core/model.ts';
import type { ServerServices, Message, Request, ServiceNames } from '../messages.ts';
import type { Read } from './fields.ts';
import type { JsonObject } from '../../../schema.ts';

/** The server's calls whose parameters differ between the dialects. */
export type DialectService = 'notify' | 'start' | 'chunk' | 'finish';

export type Dialect = {
  decode(service: DialectService, body: JsonObject): Read<Request>;
  /** `vehicle`: the VIN or the UUID, which the dialect uses for the vehicle. */
  encode(message: Message, names: ServiceNames, vehicle: string): JsonObject;
};

/** Returns the names verbatim (protocol 5.8); undefined if one is missing or invalid. */
export function readServices(value: unknown): ServerServices | undefined {
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

/**
 * Reads a start. If it is valid but announces too many chunks, the failure names the package, which
 * can never be received. A malformed start does not: the next one may be valid.
 */
export function readStart(body: JsonObject, id: PackageId): Read<Request> {
  const checksum = readSha1(member(body, 'checksum'), 'checksum');
  if (!checksum.ok) return checksum;
  const given = member(body, 'chunkscount');
  const count = readCount(given, 'chunkscount', 0, chunksCountMax);
  if (!count.ok) {
    const isTooLarge = readCount(given, 'chunkscount', 0, Number.MAX_SAFE_INTEGER).ok;
    return isTooLarge ? { ...count, start: id } : count;
  }
  const start = { kind: 'start', id, checksum: checksum.value } as const;
  return { ok: true, value: { ...start, chunksCount: count.value } };
}

export function readChunk(body: JsonObject, id: PackageId): Read<Request> {
  const index = readCount(member(body, 'index'), 'index', 1, chunksCountMax);
  if (!index.ok) return index;
  const data = readBase64(member(body, 'bytes'), 'bytes', chunkBytes);
  if (!data.ok) return data;
  return { ok: true, value: { kind: 'chunk', id, chunkIndex: index.value, data: data.value } };
}

/** The services that a start must name; servers send a notify without knowing them. */
export function ownServices(names: ServiceNames): JsonObject {
  const { start, chunk, finish, getpackages, abort } = names;
  return { start, chunk, finish, getpackages, abort };
}
