// The keys that environment variables set: SOTA_AGENT_RVI_URL is `rvi.url`.
import { currentNames, sectionsOf } from './key-entries.ts';
import { suggest } from './suggest.ts';
import type { ConfigError, Environment, Origin } from '../config.ts';
import type { Gathered, Given } from './given.ts';
import type { KeyEntry } from './key-entries.ts';

const prefix = 'SOTA_AGENT_';

const stemOf = (key: string) => key.replaceAll('.', '_').toUpperCase();

export const variableOf = (key: string) => `${prefix}${stemOf(key)}`;

/** Names the cache of the build; users of the build export it in their shells. */
const buildCache = `${prefix}CACHE`;

/**
 * An empty variable is ignored, because service managers and containers pass such variables on.
 * They also derive variables from the name of a service, so a variable that resembles no key is a
 * warning, not an error.
 */
export function fromEnvironment(environment: Environment, known: readonly KeyEntry[]): Gathered {
  const names = currentNames(known);
  const keys = new Map([...names].map(([name, key]) => [variableOf(name), { name, key }]));
  const given = new Map<string, Given>();
  const errors: ConfigError[] = [];
  const warnings: ConfigError[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || text === undefined || text === '') continue;
    if (variable === buildCache) continue;
    const found = keys.get(variable);
    if (found === undefined) {
      const { isError, error } = unknown(variable, names, sectionsOf(known));
      (isError ? errors : warnings).push(error);
      continue;
    }
    const { name, key } = found;
    const other = given.get(key);
    if (other !== undefined) errors.push(doubled(key, name === key ? other.name : name));
    const origin: Origin = { kind: 'environment', name: variable };
    given.set(key, { kind: 'text', name, text, origin });
  }
  return { given, errors, warnings };
}

function doubled(key: string, formerly: string): ConfigError {
  const former = variableOf(formerly);
  return {
    origin: { kind: 'environment', name: former },
    key: formerly,
    problem: `is a deprecated name of ${key}, which ${variableOf(key)} sets`,
    hint: `unset ${former}`,
  };
}

function unknown(
  variable: string,
  names: ReadonlyMap<string, string>,
  sections: readonly string[],
): { readonly isError: boolean; readonly error: ConfigError } {
  const stem = variable.slice(prefix.length);
  const stems = new Map([...names].map(([name, key]) => [stemOf(name), key]));
  const near = suggest(stem, [...stems.keys()]);
  const key = near === undefined ? undefined : stems.get(near);
  const isInSection = sections.some((one) => stem.startsWith(`${stemOf(one)}_`));
  const hint = key === undefined ? 'unset it' : `did you mean ${variableOf(key)}?`;
  const origin: Origin = { kind: 'environment', name: '' };
  const error = { origin, key: variable, problem: 'does not name a key', hint };
  return { isError: isInSection || key !== undefined, error };
}
