// The dialect from June 2016 on (protocol 2.3): like P2, but the vehicle is a device with a UUID,
// and each operation in a report has a UUID.
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
