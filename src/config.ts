// Configuration: reads TOML text and environment variables, and returns checked settings or a list
// of errors. Pure: the caller reads the file. An unknown key is an error, because a typo would
// otherwise have no effect and no message.
import { assert } from './assert.ts';
import { fromEnvironment, variableOf } from './config/environment.ts';
import { fromFile } from './config/file.ts';
import { brief } from './config/given.ts';
import { enabledInstallers } from './config/installers.ts';
import { keyEntries } from './config/key-entries.ts';
import { readKeys } from './config/keys.ts';
import { crossChecks } from './config/cross-checks.ts';
import { toToml } from './config/toml.ts';
import type { AgentSettings } from './install/installers.ts';
import type { Given } from './config/given.ts';
import type { OldForm, Reader } from './config/readers.ts';

export { variableOf } from './config/environment.ts';

export const defaultConfigFile = '/etc/sota-agent/config.toml';

export type Environment = { readonly [name: string]: string | undefined };

export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number | undefined }
  | { readonly kind: 'environment'; readonly name: string };

export type ConfigError = {
  readonly origin: Origin;
  /** `rvi.listen`, the name of an unknown variable, or empty if the error concerns the file. */
  readonly key: string;
  readonly problem: string;
  /** What to do about it. */
  readonly hint: string;
};

/**
 * The effective value of a key: `value` is as in TOML, and undefined if the key has neither a
 * value nor a default.
 */
export type Entry = { readonly key: string; readonly value: unknown; readonly origin: Origin };

export type Source = {
  readonly file: string;
  /** Undefined if the file does not exist. */
  readonly text: string | undefined;
  readonly environment: Environment;
};

export type Configuration =
  | {
      readonly ok: true;
      readonly settings: AgentSettings;
      /** In the order of the key table, each with its origin. */
      readonly entries: readonly Entry[];
      readonly warnings: readonly ConfigError[];
    }
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

export function readSettings(source: Source): Configuration {
  const known = keyEntries();
  const file = fromFile(source, known);
  const environment = fromEnvironment(source.environment, known);
  const given = new Map([...file.given, ...environment.given]);
  const errors = [...file.errors, ...environment.errors];
  const warnings = [...environment.warnings];
  const entries: Entry[] = [];
  const read = readKeys((key, reader, fallback) => {
    const one = given.get(key);
    const raw = rawValue(one, reader, fallback);
    const old = reader.current?.(raw);
    const value = old === undefined ? raw : old.value;
    const origin = one?.origin ?? { kind: 'default' };
    const shown = reader.shown === undefined ? value : reader.shown(value);
    entries.push({ key, value: shown, origin });
    if (one !== undefined) warnings.push(...deprecations(key, one, old));
    const found = reader.read(value);
    if (found.ok) return found.value;
    const problem =
      shown === undefined && value !== undefined
        ? 'is invalid; the value is not printed because it may contain a password'
        : `is ${brief(shown)}`;
    errors.push({ origin, key: one?.name ?? key, problem, hint: `write ${found.wanted}` });
    return defaultOf(key, reader, fallback);
  });
  // The checks of several keys need valid values.
  if (errors.length > 0) return { ok: false, errors };
  const enabled = enabledInstallers(read, [...given.keys()]);
  const settings = { ...read, installer: { ...read.installer, enabled } };
  const findings = crossChecks(settings, (key) => given.has(key)).map((finding) => {
    const origin: Origin = given.get(finding.key)?.origin ?? { kind: 'default' };
    return { ...finding, origin };
  });
  const failed = findings.filter(({ severity }) => severity === 'error');
  if (failed.length > 0) return { ok: false, errors: failed };
  const effective = entries.map((one) =>
    one.key === 'installer.enabled' ? { ...one, value: enabled } : one,
  );
  return { ok: true, settings, entries: effective, warnings: [...warnings, ...findings] };
}

export const knownKeys = (): readonly string[] => keyEntries().map(({ key }) => key);

function rawValue(given: Given | undefined, reader: Reader<unknown>, fallback: unknown): unknown {
  if (given === undefined) return fallback;
  return given.kind === 'text' ? reader.fromText(given.text) : given.value;
}

function defaultOf<T>(key: string, reader: Reader<T>, fallback: unknown): T {
  const read = reader.read(fallback);
  assert(read.ok, `the default of ${key} fits its reader`);
  return read.value;
}

/** At most one warning for each key that is set: for its former name, or for an old value. */
function deprecations(
  key: string,
  { name, origin }: Given,
  old: OldForm | undefined,
): readonly ConfigError[] {
  if (name === key) {
    return old === undefined ? [] : [{ origin, key, problem: old.problem, hint: old.hint }];
  }
  const { file, variable } = renaming(key, old?.value);
  const problem = `is a deprecated name of ${key}`;
  return [{ origin, key: name, problem, hint: origin.kind === 'file' ? file : variable }];
}

/** `value` is the current form of an old value; undefined if the value is the same. */
function renaming(key: string, value: unknown) {
  const name = variableOf(key);
  if (value === undefined) return { file: `rename it to ${key}`, variable: `set ${name} instead` };
  const text = toToml(value);
  const plainText = typeof value === 'string' ? value : `'${text}'`;
  return { file: `write ${key} = ${text}`, variable: `set ${name}=${plainText}` };
}
