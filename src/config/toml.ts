// Writes values as TOML, on one line.
import { isObject } from '../schema.ts';
import { plain, quotedToml } from '../sanitize.ts';

export function toToml(value: unknown): string {
  if (typeof value === 'string') return quotedToml(value);
  if (Array.isArray(value)) return `[${value.map(toToml).join(', ')}]`;
  if (value instanceof Date) return value.toISOString();
  if (!isObject(value)) return plain(String(value));
  const pairs = Object.entries(value).map(([key, one]) => `${bare(key)} = ${toToml(one)}`);
  return `{ ${pairs.join(', ')} }`;
}

function bare(key: string): string {
  return /^[\w-]+$/.test(key) ? key : quotedToml(key);
}
