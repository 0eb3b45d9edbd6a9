// Makes the packages of all journeys once; the contents look random and are always the same.
import { createRandom } from '../support/prng.ts';
import { packageOf } from '../backend/package.ts';
import { asWords } from './server.ts';
import type { ServerPackage } from '../backend/package.ts';

/** The server's description of the package, and its bytes. */
export type Sample = { readonly one: ServerPackage; readonly data: Uint8Array };

export function sample(name: string, version: string, sizeBytes: number, salt = 0): Sample {
  const key = `${name} ${version} ${sizeBytes} ${salt}`;
  const known = samples.get(key);
  if (known !== undefined) return known;
  const prng = createRandom([...key].reduce((sum, char) => sum * 31 + char.charCodeAt(0), salt));
  const words = Uint32Array.from({ length: Math.ceil(sizeBytes / 4) }, prng.uint32);
  const data = new Uint8Array(words.buffer).subarray(0, sizeBytes);
  const made = { one: asWords(packageOf({ name, version }, data)), data };
  samples.set(key, made);
  return made;
}

const samples = new Map<string, Sample>();
