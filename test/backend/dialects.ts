// The table of the dialects, by name.
import { createP1 } from './dialect-p1.ts';
import { createP2 } from './dialect-p2.ts';
import { createP3 } from './dialect-p3.ts';
import type { Dialect, Grammar } from './dialect.ts';

export const dialects = {
  P1: createP1,
  P2: createP2,
  P3: createP3,
} satisfies { readonly [name: string]: (grammar: Grammar) => Dialect };

export type DialectName = keyof typeof dialects;

/** The prefix of a vehicle's services at its node: by VIN, from P3 on by the UUID of the device. */
export function prefixOf(dialect: DialectName, vin: string, device: string): string {
  return dialect === 'P3' ? `genivi.org/device/${device}` : `genivi.org/vin/${vin}`;
}
