// P3: from June 2016 (protocol 2.3). As P2, but it identifies the vehicle by a device UUID.
import { decodeUpdate, encodeUpdate } from './updates-by-vin.ts';
import type { Dialect } from './dialect.ts';

export const p3: Dialect = {
  decode: (service, body) => decodeUpdate(service, body, 'P3'),
  encode: (message, names, device) => ({ device, ...encodeUpdate(message, names) }),
};
