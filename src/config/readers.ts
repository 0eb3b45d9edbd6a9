// Readers of configuration values. A reader checks a TOML value and converts it to the form that
// the agent uses (seconds to milliseconds, "16 MiB" to bytes). If the value does not fit, the
// reader returns a description of what it expects. No reader throws.
import { parse } from 'smol-toml';
import { flag as isFlag, isObject, list, number, text as isText, within } from '../schema.ts';
import type { JsonObject } from '../schema.ts';

export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly wanted: string };

export type Reader<T> = {
  read(raw: unknown): Read<T>;
  /** Converts the text of an environment variable to the TOML value that the file would have. */
  fromText(text: string): unknown;
  /** If the value may contain a password: returns what to print, or undefined for nothing. */
  shown?(raw: unknown): unknown;
  /** Rewrites a value of an older version; returns undefined if there is nothing to rewrite. */
  current?(raw: unknown): OldForm | undefined;
};

/** `value` is the rewritten value; the two texts warn of the old one. */
export type OldForm = {
  readonly value: unknown;
  readonly problem: string;
  readonly hint: string;
};

const good = <T>(value: T): Read<T> => ({ ok: true, value });
const bad = (wanted: string): Read<never> => ({ ok: false, wanted });

function reader<T>(
  read: (raw: unknown) => Read<T>,
  fromText: (text: string) => unknown = (text) => text,
): Reader<T> {
  return { read, fromText };
}

/** Accepts a string for which `isFit` returns true. */
export function text(wanted: string, isFit: (text: string) => boolean): Reader<string> {
  return reader((raw) => (isText(raw) && isFit(raw) ? good(raw) : bad(wanted)));
}

export function optional<T>(inner: Reader<T>): Reader<T | undefined> {
  return { ...inner, read: (raw) => (raw === undefined ? good(undefined) : inner.read(raw)) };
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Reader<T> {
  const quoted = allowed.map((one) => `"${one}"`);
  const wanted = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
  return reader((raw) => {
    const found = allowed.find((one) => one === raw);
    return found === undefined ? bad(wanted) : good(found);
  });
}

/** As `oneOf`; `old` maps each value of an older version to the current value. */
export function renamed<T extends string>(
  inner: Reader<T>,
  old: { readonly [value: string]: T },
): Reader<T> {
  const current = (raw: unknown): OldForm | undefined => {
    const value = isText(raw) && Object.hasOwn(old, raw) ? old[raw] : undefined;
    if (value === undefined) return undefined;
    return { value, problem: `is the deprecated "${String(raw)}"`, hint: `write "${value}"` };
  };
  return { ...inner, current };
}

const numeral = /^-?\d+(\.\d+)?$/;
const toNumber = (text: string): unknown => (numeral.test(text) ? Number(text) : text);

/** Reads seconds and returns milliseconds. */
export function seconds(min: number, max: number): Reader<number> {
  return reader((raw) => {
    const fits = number(raw) && raw >= min && raw <= max;
    return fits ? good(Math.round(raw * 1000)) : bad(`a number of seconds from ${min} to ${max}`);
  }, toNumber);
}

const flags: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

export const flag: Reader<boolean> = reader(
  (raw) => (isFlag(raw) ? good(raw) : bad('true or false')),
  (text) => flags.get(text) ?? text,
);

export function count(min: number, max: number): Reader<number> {
  return reader((raw) => {
    return within(min, max)(raw) ? good(raw) : bad(`a whole number from ${min} to ${max}`);
  }, toNumber);
}

const unitBytes: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

/** Reads a number of bytes, or a string with a unit. */
export function size(max: number): Reader<number> {
  const wanted = 'a size such as "16 MiB" (B, KiB, MiB or GiB)';
  return reader((raw) => {
    const text = number(raw) ? String(raw) : raw;
    const [, digits, unit] = /^(\d+) *([A-Za-z]*)$/.exec(isText(text) ? text : '') ?? [];
    const factor = unitBytes.get(unit ?? '');
    if (digits === undefined || factor === undefined) return bad(wanted);
    const bytes = Number(digits) * factor;
    return bytes <= max ? good(bytes) : bad(`${wanted}, not above ${max / 1024 ** 3} GiB`);
  });
}

// ---------------------------------------------------------------- lists

/** In an environment variable, a list is written as in TOML: ["a", "b"]. */
function toList(text: string): unknown {
  try {
    const { list, ...rest } = parse(`list = ${text}`);
    return Object.keys(rest).length === 0 ? list : text;
  } catch {
    return text;
  }
}

/** The arguments of a program, or a command line: one word for each item, no shell. */
export function words(sample: string): Reader<readonly string[]> {
  return reader((raw) => {
    return list(isWord)(raw) ? good(raw) : bad(`a list of strings such as ${sample}`);
  }, toList);
}

/** A list of names from `allowed`; a repeated name counts once. */
export function setOf<const T extends string>(allowed: readonly T[]): Reader<readonly T[]> {
  const one = oneOf(...allowed);
  const wanted = `a list of ${allowed.map((name) => `"${name}"`).join(', ')}`;
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
  return isText(value) && !value.includes('\0');
};

type Rule<T> = { readonly name: string; readonly installer: T };

/** A list of inline tables of two strings each; `installer` is one of `allowed`. */
export function rules<const T extends string>(allowed: readonly T[]): Reader<readonly Rule<T>[]> {
  const choice = oneOf(...allowed);
  const wanted = 'a list of rules such as [{ name = "rootfs-*", installer = "swupdate" }]';
  const read = (raw: unknown): Read<readonly Rule<T>[]> => {
    if (!Array.isArray(raw)) return bad(wanted);
    const found: Rule<T>[] = [];
    for (const [index, one] of raw.entries()) {
      const rule: JsonObject = isObject(one) ? one : {};
      const { name, installer: given, ...rest } = rule;
      if (given !== undefined && formerInstaller in rest) {
        return bad(`"installer" without its deprecated name "use" in rule ${index + 1}`);
      }
      if (!isText(name) || name === '' || Object.keys(rest).length > 0) {
        return bad(wanted);
      }
      const installer = choice.read(given);
      if (!installer.ok) return bad(`${installer.wanted} as the "installer" of rule ${index + 1}`);
      found.push({ name, installer: installer.value });
    }
    return good(found);
  };
  return { ...reader(read, toList), current: currentRules };
}

/** `installer` in a rule of an older version. */
const formerInstaller = 'use';

function currentRules(raw: unknown): OldForm | undefined {
  if (!Array.isArray(raw)) return undefined;
  const isOld = (one: unknown) => isObject(one) && formerInstaller in one && !('installer' in one);
  const first = raw.findIndex(isOld);
  if (first < 0) return undefined;
  const value = raw.map((one) => {
    if (!isObject(one) || !isOld(one)) return one;
    const { [formerInstaller]: installer, ...rest } = one;
    return { ...rest, installer };
  });
  const problem = `has the deprecated name "${formerInstaller}" in rule ${first + 1}`;
  return { value, problem, hint: 'rename it to "installer"' };
}
