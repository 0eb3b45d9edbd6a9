// The format of the messages between server and vehicle. Each dialect has a file, and `dialects.ts`
// lists them. What the server does with a message is in `server.ts`, the same for all dialects.
import type { PackageId, ServerPackage } from './package.ts';

export type Body = { readonly [name: string]: unknown };

/**
 * Identifies a transfer in messages, as text: P1 has name and version, P2 and P3 an `update_id`.
 */
export type Key = string;

export type Ack = { readonly key: Key; readonly chunks: readonly number[] };
export type Report = { readonly key: Key; readonly status: boolean; readonly text: string };

/** A package that is offered, and the texts that a user sees. */
export type Campaign = {
  readonly key: Key;
  readonly one: ServerPackage;
  readonly isConfirmationWanted: boolean;
};

/** A decoder returns undefined for what a server of this dialect ignores. */
export type Dialect = {
  /** `campaignsBefore`: the campaigns of the same package; each has another update id. */
  keyOf(id: PackageId, campaignsBefore: number): Key;
  /** In P1 a required package has a key of its own; in P2 and P3 it belongs to the update. */
  keyOfNeeded(key: Key, id: PackageId): Key;
  /** The notify messages: P1 lists all packages in one, the others send one for each update. */
  notify(campaigns: readonly Campaign[], services: Body): readonly Body[];
  start(key: Key, one: ServerPackage): Body;
  chunk(key: Key, one: ServerPackage, index: number): Body;
  finish(key: Key, one: ServerPackage): Body;
  decodeStart(parameters: unknown): readonly Key[] | undefined;
  decodeAck(parameters: unknown): Ack | undefined;
  decodeReport(parameters: unknown): Report | undefined;
  decodePackages(parameters: unknown): readonly PackageId[] | undefined;
};

/** What a release of the server accepts as a message (protocol 2.1). */
export type Grammar = {
  readonly name: RegExp;
  readonly version: RegExp;
  /** Services of the vehicle that a start must name. */
  readonly services: readonly string[];
};

export const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The server reads `parameters.head` only, and a bare object has none (protocol 2). */
export function headOf(parameters: unknown): Body | undefined {
  const list: readonly unknown[] = Array.isArray(parameters) ? parameters : [];
  return isBody(list[0]) ? list[0] : undefined;
}

/** Every message of P1 and P2 has the VIN, 17 letters and digits (protocol 2.1). */
export function bodyOfVin(parameters: unknown): Body | undefined {
  const body = headOf(parameters);
  const vin = body?.['vin'];
  return typeof vin === 'string' && /^[A-Za-z0-9]{17}$/.test(vin) ? body : undefined;
}

export function idOf(value: unknown, grammar: Grammar): PackageId | undefined {
  if (!isBody(value)) return undefined;
  const { name, version } = value;
  if (typeof name !== 'string' || typeof version !== 'string') return undefined;
  return grammar.name.test(name) && grammar.version.test(version) ? { name, version } : undefined;
}

/** Returns undefined if one entry is bad. */
export function idsOf(value: unknown, grammar: Grammar): readonly PackageId[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const ids = value.map((one) => idOf(one, grammar)).filter((id) => id !== undefined);
  return ids.length === value.length ? ids : undefined;
}

export function chunksOf(body: Body | undefined): readonly number[] | undefined {
  const listed: unknown = body?.['chunks'];
  if (!Array.isArray(listed)) return undefined;
  const chunks = listed.filter((chunk) => Number.isInteger(chunk)).map(Number);
  return chunks.length === listed.length ? chunks : undefined;
}

export function namesServices(body: Body | undefined, grammar: Grammar): boolean {
  const services = body?.['services'];
  return isBody(services) && grammar.services.every((name) => typeof services[name] === 'string');
}
