// Decodes and encodes the SOTA services in all dialects (protocol 2). Decoding turns untrusted
// parameters into a typed request, or a reason; encoding turns a message into service and
// parameters.
import {
  dialects,
  dialectOfRequest,
  isDialectKnown,
  dialectOfMessage,
  vehicleIn,
} from './dialects.ts';
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

/** Returns the name of each service at the node. */
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
 * Returns the service of a delivery. Nodes deliver `/sota/chunk`, with or without the first slash,
 * or the full name from the registration.
 */
export function serviceOf(name: string, names: ServiceNames | undefined): Service | undefined {
  return services.find((service) => {
    const short = `sota/${service}`;
    // A node adds only a prefix to the registered name (protocol 1.2).
    const isFull = name === names?.[service] && name.endsWith(`/${short}`);
    return isFull || name === short || name === `/${short}`;
  });
}

export function decodeRequest(
  service: Service,
  parameters: unknown,
  hints: DialectContext,
): Read<Request> {
  // It has no parameters; the value in their place differs between nodes (protocol 5.6).
  if (service === 'getpackages') return { ok: true, value: { kind: 'getpackages' } };
  if (service === 'abort') return decodeAbort(parameters);
  const body = readObject(parameters, 'parameters');
  if (!body.ok) return body;
  const dialect = dialectOfRequest(body.value, hints);
  const read = dialects[dialect].decode(service, body.value);
  if (!read.ok || read.value.kind !== 'notify' || isDialectKnown(dialect, hints)) return read;
  return { ok: true, value: { ...read.value, dialect: undefined } };
}

/** An abort with an invalid package must not abort all packages. */
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

/**
 * Parameters are a list of one element: an object crashes a 0.4 node's scheduler (protocol 1.6).
 */
export function encodeMessage(
  message: Message,
  backend: ServerServices,
  hints: DialectContext & { readonly names: ServiceNames },
  vin: string | undefined,
): Outgoing {
  // P1 cannot be right without a VIN: its servers identify vehicles by the VIN.
  const learned = vin === undefined && hints.learned === 'P1' ? undefined : hints.learned;
  const dialect = dialectOfMessage(message, { ...hints, learned });
  const found = vehicleIn(dialect, hints, vin);
  if (!found.ok) return found;
  const body = dialects[dialect].encode(message, hints.names, found.vehicle);
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
 * Returns the VIN in a name such as `genivi.org/vin/<VIN>/sota/start`. Without an element `vin` it
 * is the third element (protocol 1.2). The element after `device` is a UUID.
 */
export function vinOf(fullName: string): string | undefined {
  const parts = fullName.split('/').filter((part) => part !== '');
  if (parts.includes('device')) return undefined;
  const at = parts.indexOf('vin');
  const vin = at >= 0 ? parts[at + 1] : parts[2];
  return vin === undefined || vin === 'sota' ? undefined : vin;
}
