// What the messages between server and vehicle look like: a file for each dialect, `dialects.ts`
// names them. What they lead to stands in `server.ts` and is the same for all.
import type { PackageId, ServerPackage } from './package.ts';

export type Body = { readonly [name: string]: unknown };

/** Names a transfer on the wire, as text: P1 has name and version, P2 and P3 an `update_id`. */
export type Key = string;

export type Ack = { readonly key: Key; readonly chunks: readonly number[] };
export type Report = { readonly key: Key; readonly status: boolean; readonly text: string };

/** A decoder gives undefined for what a server of this dialect takes no notice of. */
export type Dialect = {
  keyOf(id: PackageId): Key;
  notify(packages: readonly ServerPackage[], services: Body): Body;
  start(one: ServerPackage): Body;
  chunk(one: ServerPackage, index: number): Body;
  finish(one: ServerPackage): Body;
  decodeStart(parameters: unknown): readonly Key[] | undefined;
  decodeAck(parameters: unknown): Ack | undefined;
  decodeReport(parameters: unknown): Report | undefined;
  decodePackages(parameters: unknown): readonly PackageId[] | undefined;
};

/** What a release of the server lets pass as a message (protocol 2.1). */
export type Grammar = {
  readonly name: RegExp;
  readonly version: RegExp;
  /** Services of the vehicle that a start must name. */
  readonly services: readonly string[];
};

export const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The server looks at `parameters.head` only, and a bare object has none (protocol 2). */
export function headOf(parameters: unknown): Body | undefined {
  const list: readonly unknown[] = Array.isArray(parameters) ? parameters : [];
  return isBody(list[0]) ? list[0] : undefined;
}
