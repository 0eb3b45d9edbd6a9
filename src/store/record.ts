// Encodes a fact as the payload of a record: JSON, made by the codec of the facts.
import type { Codec } from '../fact-codec.ts';

export function payloadOf<F>(codec: Codec<F>, fact: F): Buffer {
  return Buffer.from(JSON.stringify(codec.encode(fact)));
}

/** Returns undefined if this version does not support the fact. */
export function factOf<F>(codec: Codec<F>, payload: Buffer): F | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
  return codec.decode(value);
}
