// Typed checks for values of unknown shape, such as parsed JSON. Each check is a type guard. A
// decoder that must name the wrong field uses `isObject` and `member`, and writes its own reasons.

export type Check<T> = (value: unknown) => value is T;

export type JsonObject = { readonly [name: string]: unknown };

/** Returns true for an object with named members: no list, no date, no byte array. */
export function isObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Returns a member that the object has itself; a member of its prototype is undefined. */
export function member(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

export const text: Check<string> = (value) => typeof value === 'string';

export const flag: Check<boolean> = (value) => typeof value === 'boolean';

export const number: Check<number> = (value) => typeof value === 'number';

export const integer: Check<number> = (value): value is number => Number.isSafeInteger(value);

/** An integer from 0. */
export const count: Check<number> = (value): value is number => integer(value) && value >= 0;

/** An integer from `min` to `max`. */
export function within(min: number, max: number): Check<number> {
  return (value): value is number => integer(value) && value >= min && value <= max;
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Check<T> {
  return (value): value is T => allowed.some((one) => one === value);
}

/** A member that is missing reads as undefined. */
export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value): value is T | undefined => value === undefined || check(value);
}

export function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(check);
}

/** Each field of T needs a check, or the call does not compile. Other members are ignored. */
export function object<T extends object>(
  checks: {
    readonly [K in keyof T]-?: Check<T[K]>;
  },
): Check<T> {
  const pairs = Object.entries<Check<unknown>>(checks);
  return (value): value is T => {
    return isObject(value) && pairs.every(([name, check]) => check(member(value, name)));
  };
}
