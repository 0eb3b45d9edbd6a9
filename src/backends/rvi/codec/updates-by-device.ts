// From June 2016 on (protocol 2.3): as P2, and the vehicle is a device with a UUID.
import { decodeUpdate, encodeUpdate } from './updates-by-vin.ts';
import type { Dialect } from './dialect.ts';

export const p3: Dialect = {
  decode: (service, body) => decodeUpdate(service, body, 'P3'),
  encode: (message, names, device) => ({ device, ...encodeUpdate(message, names) }),
};
