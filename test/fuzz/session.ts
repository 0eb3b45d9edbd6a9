// The messages of a session as nodes deliver them (protocol 1.1, 2.1), for packages of whoever
// attacks, and the lines of the control socket. Everything that is sent begins as one of these.
import { createHash } from 'node:crypto';
import { treeOf } from './tree.ts';
import type { Prng } from '../support/prng.ts';
import type { Tree } from './tree.ts';

export type Parcel = {
  readonly id: { readonly name: string; readonly version: string };
  readonly data: Buffer;
  readonly checksum: string;
  readonly chunksCount: number;
};

export function parcelOf(name: string, data: Buffer): Parcel {
  const checksum = createHash('sha1').update(data).digest('hex');
  const chunksCount = Math.ceil(data.length / 65_536);
  return { id: { name, version: '1.0' }, data, checksum, chunksCount };
}

const whole = Buffer.alloc(65_536, 'w');
const foreign = [
  parcelOf('evil-1', Buffer.alloc(100, 'a')),
  parcelOf('evil-2', Buffer.alloc(1, 'b')),
  parcelOf('evil-3', Buffer.alloc(0)),
  parcelOf('evil-4', Buffer.concat([whole, Buffer.alloc(7, 'c')])),
] as const;

const services = { start: 'b/start', ack: 'b/ack', report: 'b/report', packages: 'b/packages' };

export function notifyOf(parcels: readonly Parcel[]): object {
  const packages = parcels.map(({ id, data }) => ({ package: id, size: data.length }));
  return { packages, services };
}

export function startOf({ id, checksum, chunksCount }: Parcel): object {
  return { package: id, checksum, chunkscount: chunksCount };
}

export function chunkOf({ id, data }: Parcel, index: number): object {
  const bytes = data.toString('base64', (index - 1) * 65_536, index * 65_536);
  return { index, bytes, package: id };
}

export function callOf(id: number, service: string, body: unknown): object {
  const params = { service_name: `/sota/${service}`, parameters: [body] };
  return { jsonrpc: '2.0', id, method: 'message', params };
}

/** One message, of a package that may be `known` already. */
export function messageOf(prng: Prng, known: readonly Parcel[]): Tree {
  const [first, second, third, large] = foreign;
  // The large one costs much time, and the others must not lose each other.
  const others = prng.chance(0.95) ? [first, second, third] as const : [large] as const;
  const [own] = known;
  const one = own !== undefined && prng.chance(0.1) ? own : prng.pick<Parcel>(others);
  const id = prng.below(1_000);
  return treeOf(message(prng, one, id));
}

function message(prng: Prng, one: Parcel, id: number): object {
  const roll = prng.below(20);
  if (roll < 4) {
    return callOf(id, 'notify', notifyOf(prng.shuffle(foreign).slice(prng.below(3))));
  }
  if (roll < 7) return callOf(id, 'start', startOf(one));
  if (roll < 12) return callOf(id, 'chunk', chunkOf(one, 1 + prng.below(2)));
  if (roll < 14) return callOf(id, 'finish', { package: one.id });
  if (roll < 15) return callOf(id, 'getpackages', prng.pick([null, {}, []]));
  if (roll < 16) return callOf(id, 'abort', prng.pick([null, { package: one.id }]));
  const names = { services: ['genivi.org/backend/sota/start', 'genivi.org/backend/sota/ack'] };
  if (roll < 18) return { jsonrpc: '2.0', id, method: 'services_available', params: names };
  if (roll < 19) return { jsonrpc: '2.0', method: 'services_unavailable', params: names };
  return { jsonrpc: '2.0', id, result: { status: 0, service: 'genivi.org/vin/V1/sota/notify' } };
}

const questions = ['status', 'why', 'packages', 'watch', 'accept', 'decline'] as const;

/** A line of the control socket. */
export function wishOf(prng: Prng): Tree {
  const command = prng.pick(questions);
  const { id } = prng.pick(foreign);
  return treeOf(command === 'accept' || command === 'decline' ? { command, ...id } : { command });
}
