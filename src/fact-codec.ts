// Encodes facts for the journal: JSON with names that never change. Each field is checked, because
// another version of the agent may have written an intact record.
import { isObject, object } from './schema.ts';
import type { Check } from './schema.ts';

/** A check for each field of a fact; a field that may be missing reads as undefined. */
export type FieldChecks<F> = { readonly [K in Exclude<keyof F, 'kind'>]: Check<F[K]> };

/** The name of one kind of fact on flash, and its fields. */
export type Entry<F> = {
  readonly flash: string;
  readonly fields: FieldChecks<F>;
  /** Fields with another name on flash. */
  readonly renamed?: { readonly [field: string]: string };
  /** The server or a user sends it only once, so its record is written twice. */
  readonly isCritical: boolean;
};

export type Table<F extends { readonly kind: string }> = {
  readonly [K in F['kind']]: Entry<Extract<F, { readonly kind: K }>>;
};

export type Codec<F> = {
  encode(fact: F): unknown;
  /** Returns undefined if this version does not support the fact. */
  decode(value: unknown): F | undefined;
  isCritical(fact: F): boolean;
};

/** An entry of any kind. */
type AnyEntry = Omit<Entry<object>, 'fields'> & {
  readonly fields: { readonly [name: string]: Check<unknown> };
};

// ---------------------------------------------------------------- the codec of a table

export function createCodec<F extends { readonly kind: string }>(table: Table<F>): Codec<F> {
  const entries: ReadonlyMap<string, AnyEntry> = new Map(Object.entries<AnyEntry>(table));
  const kinds = new Map([...entries].map(([kind, { flash }]) => [flash, kind]));

  function isFact(value: unknown): value is F {
    if (!isObject(value) || typeof value['kind'] !== 'string') return false;
    const fields = entries.get(value['kind'])?.fields;
    return fields !== undefined && object(fields)(value);
  }

  return {
    encode(fact) {
      const { kind, ...fields } = fact;
      const entry = entries.get(kind);
      return { kind: entry?.flash, ...named(fields, entry?.renamed ?? {}) };
    },
    decode(value) {
      if (!isObject(value)) return undefined;
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
