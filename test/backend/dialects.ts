// The dialects by name.
import { createP1 } from './dialect-p1.ts';
import type { Dialect, Grammar } from './dialect.ts';

export const dialects = {
  P1: createP1,
} satisfies { readonly [name: string]: (grammar: Grammar) => Dialect };

export type DialectName = keyof typeof dialects;
