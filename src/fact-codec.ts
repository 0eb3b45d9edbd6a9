// Facts as a journal has them: JSON, with names that never change, and a check of each field. A
// record whose CRC is right was written by an agent, but maybe by another version.

export type Check = (value: unknown) => boolean;
export type Fields = { readonly [name: string]: Check };

/** How one kind of fact is named on flash, and what it consists of. */
export type Entry = {
  readonly flash: string;
  readonly fields: Fields;
  /** The fields that have another name on flash. */
  readonly renamed?: { readonly [field: string]: string };
  /** The server or a person states it only once: its record is written twice. */
  readonly isCritical: boolean;
};

export type Table<F extends { readonly kind: string }> = { readonly [K in F['kind']]: Entry };

export type Codec<F> = {
  encode(fact: F): unknown;
  /** Returns undefined if this version has no such fact. */
  decode(value: unknown): F | undefined;
  isCritical(fact: F): boolean;
};

// ---------------------------------------------------------------- checks

export const text: Check = (value) => typeof value === 'string';
export const flag: Check = (value) => typeof value === 'boolean';
export const count: Check = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

export const within =
  (min: number, max: number): Check =>
  (value) =>
    count(value) && Number(value) >= min && Number(value) <= max;

export const oneOf =
  (...allowed: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && allowed.includes(value);

export const object =
  (fields: Fields): Check =>
  (value) =>
    hasFields(value, fields);

export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

export function hasFields(value: unknown, fields: Fields): boolean {
  return isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
}

export function isRecord(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// ---------------------------------------------------------------- the codec of a table

export function createCodec<F extends { readonly kind: string }>(table: Table<F>): Codec<F> {
  const entries: ReadonlyMap<string, Entry> = new Map(Object.entries<Entry>(table));
  const kinds = new Map([...entries].map(([kind, { flash }]) => [flash, kind]));

  function isFact(value: unknown): value is F {
    if (!isRecord(value) || typeof value['kind'] !== 'string') return false;
    const fields = entries.get(value['kind'])?.fields;
    return fields !== undefined && hasFields(value, fields);
  }

  return {
    encode(fact) {
      const { kind, ...fields } = fact;
      const entry = entries.get(kind);
      return { kind: entry?.flash, ...named(fields, entry?.renamed ?? {}) };
    },
    decode(value) {
      if (!isRecord(value)) return undefined;
      const { kind: flash, ...fields } = value;
      const kind = typeof flash === 'string' ? kinds.get(flash) : undefined;
      if (kind === undefined) return undefined;
      const back = Object.entries(entries.get(kind)?.renamed ?? {}).map(([a, b]) => [b, a]);
      const fact = { kind, ...named(fields, Object.fromEntries(back)) };
      return isFact(fact) ? fact : undefined;
    },
    isCritical: ({ kind }) => entries.get(kind)?.isCritical ?? false,
  };
}

function named(
  fields: { readonly [name: string]: unknown },
  names: { readonly [name: string]: string },
): { readonly [name: string]: unknown } {
  const entries = Object.entries(fields).map(([name, value]) => [names[name] ?? name, value]);
  return Object.fromEntries(entries);
}
