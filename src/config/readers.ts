// What the value of a key may be. A reader takes a TOML value and gives it as the agent wants it
// (seconds as Ms, "16 MiB" as bytes), or says what it wanted instead. None throws.
import { parse } from 'smol-toml';

export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly wanted: string };

export type Reader<T> = {
  read(raw: unknown): Read<T>;
  /** What an environment variable spells; the readers of it are the same as those of the file. */
  fromText(text: string): unknown;
  /** Where a value may contain a password: what to print of it; undefined: nothing. */
  shown?(raw: unknown): unknown;
};

const good = <T>(value: T): Read<T> => ({ ok: true, value });
const bad = (wanted: string): Read<never> => ({ ok: false, wanted });

function reader<T>(
  read: (raw: unknown) => Read<T>,
  fromText: (text: string) => unknown = (text) => text,
): Reader<T> {
  return { read, fromText };
}

/** A string that `isFit` accepts. */
export function text(wanted: string, isFit: (text: string) => boolean): Reader<string> {
  return reader((raw) => (typeof raw === 'string' && isFit(raw) ? good(raw) : bad(wanted)));
}

export function optional<T>(inner: Reader<T>): Reader<T | undefined> {
  return { ...inner, read: (raw) => (raw === undefined ? good(undefined) : inner.read(raw)) };
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Reader<T> {
  const spelt = allowed.map((one) => `"${one}"`);
  const wanted = `${spelt.slice(0, -1).join(', ')} or ${spelt.at(-1)}`;
  return reader((raw) => {
    const found = allowed.find((one) => one === raw);
    return found === undefined ? bad(wanted) : good(found);
  });
}

const numeral = /^-?\d+(\.\d+)?$/;
const toNumber = (spelt: string): unknown => (numeral.test(spelt) ? Number(spelt) : spelt);

/** Milliseconds, written in seconds. */
export function seconds(min: number, max: number): Reader<number> {
  return reader((raw) => {
    const fits = typeof raw === 'number' && raw >= min && raw <= max;
    return fits ? good(Math.round(raw * 1000)) : bad(`a number of seconds from ${min} to ${max}`);
  }, toNumber);
}

const flags: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

export const flag: Reader<boolean> = reader(
  (raw) => (typeof raw === 'boolean' ? good(raw) : bad('true or false')),
  (spelt) => flags.get(spelt) ?? spelt,
);

export function count(min: number, max: number): Reader<number> {
  return reader((raw) => {
    const fits = typeof raw === 'number' && Number.isInteger(raw) && raw >= min && raw <= max;
    return fits ? good(raw) : bad(`a whole number from ${min} to ${max}`);
  }, toNumber);
}

const unitBytes: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

/** Bytes, as a number or with a unit. */
export function size(max: number): Reader<number> {
  const wanted = 'a size such as "16 MiB" (B, KiB, MiB or GiB)';
  return reader((raw) => {
    const spelt = typeof raw === 'number' ? String(raw) : raw;
    const [, digits, unit] =
      /^(\d+) *([A-Za-z]*)$/.exec(typeof spelt === 'string' ? spelt : '') ?? [];
    const factor = unitBytes.get(unit ?? '');
    if (digits === undefined || factor === undefined) return bad(wanted);
    const bytes = Number(digits) * factor;
    return bytes <= max ? good(bytes) : bad(`${wanted}, not above ${max / 1024 ** 3} GiB`);
  });
}

// ---------------------------------------------------------------- lists

/** An environment variable spells a list as TOML does: ["a", "b"]. */
function toList(spelt: string): unknown {
  try {
    const { list, ...rest } = parse(`list = ${spelt}`);
    return Object.keys(rest).length === 0 ? list : spelt;
  } catch {
    return spelt;
  }
}

/** Arguments of a program, or a whole command line: a word each, no shell. */
export function words(sample: string): Reader<readonly string[]> {
  return reader((raw) => {
    const fits = Array.isArray(raw) && raw.every(isWord);
    return fits ? good(raw) : bad(`a list of strings such as ${sample}`);
  }, toList);
}

/** A list of names out of `allowed`; a repeated name counts once. */
export function setOf<const T extends string>(allowed: readonly T[]): Reader<readonly T[]> {
  const one = oneOf(...allowed);
  const wanted = `a list out of ${allowed.map((name) => `"${name}"`).join(', ')}`;
  return reader((raw) => {
    if (!Array.isArray(raw)) return bad(wanted);
    const found = new Set<T>();
    for (const name of raw) {
      const read = one.read(name);
      if (!read.ok) return bad(wanted);
      found.add(read.value);
    }
    return good([...found]);
  }, toList);
}

const isWord = (value: unknown): value is string => {
  return typeof value === 'string' && !value.includes('\0');
};

/** A list of inline tables with two strings each; `use` is one of `allowed`. */
export function rules<const T extends string>(
  allowed: readonly T[],
): Reader<readonly { readonly name: string; readonly use: T }[]> {
  const use = oneOf(...allowed);
  const wanted = 'a list of rules such as [{ name = "rootfs-*", use = "swupdate" }]';
  return reader((raw) => {
    if (!Array.isArray(raw)) return bad(wanted);
    const found: { readonly name: string; readonly use: T }[] = [];
    for (const [index, one] of raw.entries()) {
      const rule: { readonly [key: string]: unknown } = isTable(one) ? one : {};
      const { name, use: given, ...rest } = rule;
      if (typeof name !== 'string' || name === '' || Object.keys(rest).length > 0)
        return bad(wanted);
      const installer = use.read(given);
      if (!installer.ok) return bad(`${installer.wanted} as the "use" of rule ${index + 1}`);
      found.push({ name, use: installer.value });
    }
    return good(found);
  }, toList);
}

export function isTable(value: unknown): value is { readonly [key: string]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
