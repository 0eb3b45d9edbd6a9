// The services of SOTA, whatever the dialect (protocol 2): untrusted parameters in, a typed request
// or a reason out; messages out as service and parameters.
import { readObject } from './fields.ts';
import { p1, packageIn } from './p1.ts';
import type { JsonObject, Read } from './fields.ts';
import type { BackendServices, Message, Request, ServiceNames } from '../core/model.ts';

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
  return body.ok ? p1.decode(service, body.value) : body;
}

/** One that names a package badly must not become one of all. */
function decodeAbort(parameters: unknown): Read<Request> {
  const id = packageIn(parameters);
  if (id?.ok === false) return id;
  return { ok: true, value: { kind: 'abort', id: id?.value } };
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
  return { service: backend[message.kind], parameters: [p1.encode(message, names, vin)] };
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
