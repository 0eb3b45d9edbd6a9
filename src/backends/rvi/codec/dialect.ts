// What the releases of the SOTA server say differs (protocol 2.1 to 2.3): a file for each dialect,
// `dialects.ts` names them. Here is what they share.
import { chunkBytes, chunksCountMax, nameBytesMax } from '../../../limits.ts';
import { readBase64, readCount, readSha1, readText } from './fields.ts';
import { isObject, member } from '../../../schema.ts';
import type { PackageId } from '../../../core/model.ts';
import type { ServerServices, Message, Request, ServiceNames } from '../messages.ts';
import type { Read } from './fields.ts';
import type { JsonObject } from '../../../schema.ts';

/** Calls of the server that say something; the others are the same in all dialects. */
export type Telling = 'notify' | 'start' | 'chunk' | 'finish';

export type Dialect = {
  decode(service: Telling, body: JsonObject): Read<Request>;
  /** `who`: the vehicle, as the dialect names it. */
  encode(message: Message, names: ServiceNames, who: string): JsonObject;
};

/** Names are taken verbatim (protocol 5.8); an incomplete set is no set. */
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
 * A start that is right and too large is one of a package that can never be received. One that is
 * malformed says nothing about the package: the next one may be right.
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

/** Those that a start has to name; a notify finds its way without. */
export function ownServices(names: ServiceNames): JsonObject {
  const { start, chunk, finish, getpackages, abort } = names;
  return { start, chunk, finish, getpackages, abort };
}
