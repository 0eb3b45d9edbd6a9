// From June 2016 on (protocol 2.3): as P2, and the vehicle is a device with a UUID; so is the id of
// each operation that a report tells of.
import { createUpdates, uuid } from './dialect-p2.ts';
import { headOf } from './dialect.ts';
import type { Body, Dialect, Grammar } from './dialect.ts';

export function createP3(grammar: Grammar): Dialect {
  return createUpdates(grammar, bodyOfDevice, (id) => uuid.test(id));
}

function bodyOfDevice(parameters: unknown): Body | undefined {
  const body = headOf(parameters);
  const device = body?.['device'];
  return typeof device === 'string' && uuid.test(device) ? body : undefined;
}
