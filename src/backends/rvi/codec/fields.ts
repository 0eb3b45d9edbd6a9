// Readers for untrusted JSON. Each returns the value, or a reason that names the path. No reader
// throws.
import { integer, isObject, text as isText } from '../../../schema.ts';
import type { PackageId } from '../../../core/model.ts';
import type { JsonObject } from '../../../schema.ts';

export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly reason: string;
      /** Set if a start announces a transfer of this package that is too large to receive. */
      readonly start?: PackageId;
    };

const good = <T>(value: T): Read<T> => ({ ok: true, value });
const bad = (path: string, wanted: string): Read<never> => ({
  ok: false,
  reason: `${path}: ${wanted}`,
});

export function readObject(value: unknown, path: string): Read<JsonObject> {
  return isObject(value) ? good(value) : bad(path, 'an object is needed');
}

export function readList(value: unknown, path: string): Read<readonly unknown[]> {
  return Array.isArray(value) ? good(value) : bad(path, 'a list is needed');
}

export function readText(value: unknown, path: string, bytesMax: number): Read<string> {
  if (!isText(value)) return bad(path, 'a string is needed');
  if (value.length === 0) return bad(path, 'it is empty');
  if (Buffer.byteLength(value) > bytesMax) return bad(path, `longer than ${bytesMax} bytes`);
  return isWellFormed(value) ? good(value) : bad(path, 'it contains an unpaired surrogate');
}

/** A name or a version. The agent makes no path of it, but the user's scripts may. */
export function readName(value: unknown, path: string, bytesMax: number): Read<string> {
  const text = readText(value, path, bytesMax);
  if (!text.ok) return text;
  if (/[\u0000-\u001f\u007f-\u009f/\\]/.test(text.value) || /^\.{1,2}$/.test(text.value)) {
    return bad(path, 'slashes and control characters are not allowed in it');
  }
  return text;
}

export function readCount(value: unknown, path: string, min: number, max: number): Read<number> {
  if (!integer(value)) return bad(path, 'an integer is needed');
  return value < min || value > max
    ? bad(path, `${value} is not within ${min}..${max}`)
    : // The journal reads -0 back as 0.
      good(value + 0);
}

/** SHA-1 in hex; servers send lower case (protocol 2.4), upper case is accepted. */
export function readSha1(value: unknown, path: string): Read<string> {
  if (typeof value !== 'string' || !/^[0-9a-fA-F]{40}$/.test(value)) {
    return bad(path, '40 hex digits are needed');
  }
  return good(value.toLowerCase());
}

/**
 * Strict base64: standard alphabet, padded, canonical. Node's decoder accepts any text ('!!!' is 0
 * bytes, 'AA==junk' is 1), so the result is encoded again and compared. `chunk-bytes.ts` may have
 * decoded it already; JSON has no byte arrays.
 */
export function readBase64(value: unknown, path: string, bytesMax: number): Read<Uint8Array> {
  const tooLong = bad(path, `more than ${bytesMax} bytes`);
  const within = (data: Uint8Array) => (data.length > bytesMax ? tooLong : good(data));
  if (value instanceof Uint8Array) return within(value);
  if (!isText(value)) return bad(path, 'a string is needed');
  if (value.length > Math.ceil(bytesMax / 3) * 4) return tooLong;
  const data = Buffer.from(value, 'base64');
  return data.toString('base64') === value ? within(data) : bad(path, 'it is not strict base64');
}

function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/.test(text) || wellFormed(text) === text;
}

/** Lone surrogates crash a 0.4 node (protocol 1.6). */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
