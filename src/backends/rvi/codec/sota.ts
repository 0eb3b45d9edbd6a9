// The services of SOTA, whatever the dialect (protocol 2): untrusted parameters in, a typed request
// or a reason out; messages out as service and parameters.
import { dialects, heardDialect, isTold, spokenDialect, whoIn } from './dialects.ts';
import { readObject } from './fields.ts';
import { packageIn } from './packages-by-vin.ts';
import { updateIn } from './updates-by-vin.ts';
import type { ServerServices, Message, MessageDialect, Request } from '../messages.ts';
import type { ServiceNames } from '../messages.ts';
import type { DialectContext } from './dialects.ts';
import type { Read } from './fields.ts';
import type { JsonObject } from '../../../schema.ts';

export const services = ['notify', 'start', 'chunk', 'finish', 'getpackages', 'abort'] as const;
type Service = (typeof services)[number];

/** How the node calls each of them. */
export function namesOf(name: (service: Service) => string): ServiceNames {
  return {
    notify: name('notify'),
    start: name('start'),
    chunk: name('chunk'),
    finish: name('finish'),
    getpackages: name('getpackages'),
    abort: name('abort'),
  };
}

/**
 * Returns the service if the name is `/sota/chunk` as nodes deliver it, with or without the first
 * slash, or the full name that the node gave it at the registration.
 */
export function serviceOf(name: string, names: ServiceNames | undefined): Service | undefined {
  return services.find((service) => {
    const short = `sota/${service}`;
    // A node puts a prefix before the name that it was told, and nothing else (protocol 1.2).
    const isFull = name === names?.[service] && name.endsWith(`/${short}`);
    return isFull || name === short || name === `/${short}`;
  });
}

export function decodeRequest(
  service: Service,
  parameters: unknown,
  hints: DialectContext,
): Read<Request> {
  // These two carry nothing; what stands there differs from node to node (protocol 5.6).
  if (service === 'getpackages') return { ok: true, value: { kind: 'getpackages' } };
  if (service === 'abort') return decodeAbort(parameters);
  const body = readObject(parameters, 'parameters');
  if (!body.ok) return body;
  const dialect = heardDialect(body.value, hints);
  const read = dialects[dialect].decode(service, body.value);
  if (!read.ok || read.value.kind !== 'notify' || isTold(dialect, hints)) return read;
  return { ok: true, value: { ...read.value, dialect: undefined } };
}

/** One that names a package badly must not become one of all. */
function decodeAbort(parameters: unknown): Read<Request> {
  const id = packageIn(parameters) ?? updateIn(parameters);
  if (id?.ok === false) return id;
  return { ok: true, value: { kind: 'abort', id: id?.value } };
}

// ---------------------------------------------------------------- out

export type Outgoing =
  | {
      readonly ok: true;
      readonly dialect: MessageDialect;
      readonly service: string;
      readonly parameters: readonly JsonObject[];
    }
  | { readonly ok: false; readonly reason: string };

/** Always a list of one: a bare object crashes the scheduler of a 0.4 node (protocol 1.6). */
export function encodeMessage(
  message: Message,
  backend: ServerServices,
  hints: DialectContext & { readonly names: ServiceNames },
  vin: string | undefined,
): Outgoing {
  // Nobody can have told us of P1 in earnest: its servers know vehicles by their VIN.
  const learned = vin === undefined && hints.learned === 'P1' ? undefined : hints.learned;
  const dialect = spokenDialect(message, { ...hints, learned });
  const found = whoIn(dialect, hints, vin);
  if (!found.ok) return found;
  const body = dialects[dialect].encode(message, hints.names, found.who);
  return { ok: true, dialect, service: backend[message.kind], parameters: [body] };
}

export function defaultServices(prefix: string): ServerServices {
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
 * 1.2). Behind `device` stands a UUID.
 */
export function vinOf(fullName: string): string | undefined {
  const parts = fullName.split('/').filter((part) => part !== '');
  if (parts.includes('device')) return undefined;
  const at = parts.indexOf('vin');
  const vin = at >= 0 ? parts[at + 1] : parts[2];
  return vin === undefined || vin === 'sota' ? undefined : vin;
}
