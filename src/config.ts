// The configuration: TOML text and environment in, checked settings or readable complaints out.
// Pure; whoever calls has read the file. A key that nobody knows is refused, because a typo would
// else be silent.
import { parse, TomlError } from 'smol-toml';
import { assert } from './assert.ts';
import { readKeys } from './config/keys.ts';
import { enabledInstallers } from './config/installers.ts';
import { nearest } from './config/suggest.ts';
import { findLines } from './config/toml-lines.ts';
import { isTable } from './config/readers.ts';
import { relations } from './config/cross-checks.ts';
import { toToml } from './config/toml.ts';
import { shortened, withoutPasswords } from './sanitize.ts';
import type { Settings } from './core/settings.ts';
import type { Take } from './config/keys.ts';
import type { Reader } from './config/readers.ts';

export const defaultConfigFile = '/etc/sota-agent/config.toml';

export type Environment = { readonly [name: string]: string | undefined };

export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number | undefined }
  | { readonly kind: 'environment'; readonly name: string };

export type ConfigError = {
  readonly origin: Origin;
  /** `rvi.stall`, the variable of an unknown one, or empty where it is about the whole file. */
  readonly key: string;
  readonly problem: string;
  readonly mend: string;
};

/**
 * A key as it holds: `value` is spelt as in TOML, undefined where it has neither value nor
 * default.
 */
export type Entry = { readonly key: string; readonly value: unknown; readonly origin: Origin };

export type Source = {
  readonly file: string;
  /** Undefined: there is no such file. */
  readonly text: string | undefined;
  readonly environment: Environment;
};

export type Configuration =
  | {
      readonly ok: true;
      readonly settings: Settings;
      /** In the order of the table, each with where it came from. */
      readonly entries: readonly Entry[];
      readonly warnings: readonly ConfigError[];
    }
  | { readonly ok: false; readonly complaints: readonly ConfigError[] };

type Given =
  | { readonly kind: 'toml'; readonly value: unknown; readonly origin: Origin }
  | { readonly kind: 'text'; readonly text: string; readonly origin: Origin };

type Gathered = {
  readonly given: ReadonlyMap<string, Given>;
  readonly complaints: readonly ConfigError[];
  readonly warnings: readonly ConfigError[];
};

export function readSettings(source: Source): Configuration {
  const known = knownKeys();
  const file = fromFile(source, known);
  const environment = fromEnvironment(source.environment, known);
  const given = new Map([...file.given, ...environment.given]);
  const complaints = [...file.complaints, ...environment.complaints];
  const entries: Entry[] = [];
  const read = readKeys((key, reader, fallback) => {
    const value = spelt(given.get(key), reader, fallback);
    const origin = given.get(key)?.origin ?? { kind: 'default' };
    const shown = reader.shown === undefined ? value : reader.shown(value);
    entries.push({ key, value: shown, origin });
    const found = reader.read(value);
    if (found.ok) return found.value;
    const problem =
      shown === undefined && value !== undefined
        ? 'is wrong, and not shown here, since it may contain a password'
        : `is ${brief(shown)}`;
    complaints.push({ origin, key, problem, mend: `write ${found.wanted}` });
    return byDefault(key, reader, fallback);
  });
  // Relations of values that are wrong by themselves say nothing new.
  if (complaints.length > 0) return { ok: false, complaints };
  const enabled = enabledInstallers(read, [...given.keys()]);
  const settings = { ...read, installer: { ...read.installer, enabled } };
  const findings = relations(settings, (key) => given.has(key)).map((finding) => {
    const origin: Origin = given.get(finding.key)?.origin ?? { kind: 'default' };
    return { ...finding, origin };
  });
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) return { ok: false, complaints: errors };
  const effective = entries.map((one) =>
    one.key === 'installer.enabled' ? { ...one, value: enabled } : one,
  );
  const warnings = [...environment.warnings, ...findings];
  return { ok: true, settings, entries: effective, warnings };
}

export function knownKeys(): readonly string[] {
  const known: string[] = [];
  const note: Take = (key, reader, fallback) => {
    known.push(key);
    return byDefault(key, reader, fallback);
  };
  readKeys(note);
  return known;
}

export function variableOf(key: string): string {
  return `${variablePrefix}${stemOf(key)}`;
}

const stemOf = (key: string) => key.replaceAll('.', '_').toUpperCase();

const variablePrefix = 'SOTA_AGENT_';

function spelt(given: Given | undefined, reader: Reader<unknown>, fallback: unknown): unknown {
  if (given === undefined) return fallback;
  return given.kind === 'text' ? reader.fromText(given.text) : given.value;
}

function byDefault<T>(key: string, reader: Reader<T>, fallback: unknown): T {
  const read = reader.read(fallback);
  assert(read.ok, `the default of ${key} fits its reader`);
  return read.value;
}

/** Also a URL at another key may have a password. */
const brief = (value: unknown) => shortened(withoutPasswords(toToml(value)), 60);

// ---------------------------------------------------------------- the file

function fromFile({ file, text }: Source, known: readonly string[]): Gathered {
  if (text === undefined) return { given: new Map(), complaints: [], warnings: [] };
  const lineOf = findLines(text);
  const originOf = (path: readonly string[]): Origin => {
    return { kind: 'file', file, line: lineOf(path) };
  };
  const given = new Map<string, Given>();
  const complaints: ConfigError[] = [];
  const sections = sectionsOf(known);
  const visit = (table: { readonly [key: string]: unknown }, above: readonly string[]) => {
    for (const [name, value] of Object.entries(table)) {
      const path = [...above, name];
      const key = path.join('.');
      const origin = originOf(path);
      if (known.includes(key)) given.set(key, { kind: 'toml', value, origin });
      else if (!sections.includes(key)) {
        complaints.push({ origin, ...unknown(path, value, known, sections) });
      } else if (isTable(value)) visit(value, path);
      else {
        const mend = `write [${key}] and its keys on the lines below`;
        complaints.push({ origin, key, problem: `is ${brief(value)}, but a section`, mend });
      }
    }
  };
  try {
    visit(parse(text, { maxDepth: 16 }), []);
  } catch (thrown) {
    return { given: new Map(), complaints: [notToml(file, thrown)], warnings: [] };
  }
  return { given, complaints, warnings: [] };
}

function notToml(file: string, thrown: unknown): ConfigError {
  if (!(thrown instanceof TomlError)) throw thrown;
  const said = thrown.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? '';
  const origin: Origin = { kind: 'file', file, line: thrown.line };
  return { origin, key: '', problem: `not TOML: ${said}`, mend: 'correct this line' };
}

/** Every prefix of a key: `installer.opkg.args` is in `installer.opkg`, which is in `installer`. */
function sectionsOf(known: readonly string[]): readonly string[] {
  const sections = new Set<string>();
  for (const key of known) {
    const path = key.split('.');
    for (let depth = 1; depth < path.length; depth += 1) {
      sections.add(path.slice(0, depth).join('.'));
    }
  }
  return [...sections];
}

function unknown(
  path: readonly string[],
  value: unknown,
  known: readonly string[],
  sections: readonly string[],
): Omit<ConfigError, 'origin'> {
  const key = path.join('.');
  const section = path.slice(0, -1).join('.');
  const name = path.at(-1) ?? '';
  const near = nearest(key, sections);
  // [[rvy]] is a list of tables, but so is a list of rules.
  const isDoubled = Array.isArray(value) && value.every(isTable) && near !== undefined;
  if (isTable(value) || (isDoubled && nearest(key, known) === undefined)) {
    const mend =
      near === undefined ? `sections: ${sections.join(', ')}` : `did you mean [${near}]?`;
    return { key: `[${key}]`, problem: 'is no section', mend };
  }
  const beside = known.filter((one) => one.startsWith(`${section}.`) && section !== '');
  const namesake = known.filter((one) => one.endsWith(`.${name}`));
  const meant =
    nearest(key, beside) ??
    (namesake.length === 1 ? namesake[0] : undefined) ??
    nearest(key, known);
  if (meant !== undefined) return { key, problem: 'is no key', mend: `did you mean ${meant}?` };
  const mend =
    beside.length > 0 ? `keys of [${section}]: ${leaves(beside, section)}` : 'leave it out';
  return { key, problem: 'is no key', mend };
}

function leaves(keys: readonly string[], section: string): string {
  return keys.map((key) => key.slice(section.length + 1)).join(', ');
}

// ---------------------------------------------------------------- the environment

/** Of the build, which says in the README to export it. */
const buildCache = `${variablePrefix}CACHE`;

/**
 * An empty variable counts as none: service managers and containers pass those on. They also make
 * some from the name of a service, so one that looks like no key at all is only told.
 */
function fromEnvironment(environment: Environment, known: readonly string[]): Gathered {
  const keys = new Map(known.map((key) => [variableOf(key), key]));
  const stems = [...keys.keys()].map((name) => name.slice(variablePrefix.length));
  const given = new Map<string, Given>();
  const complaints: ConfigError[] = [];
  const warnings: ConfigError[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(variablePrefix) || text === undefined || text === '') continue;
    if (name === buildCache) continue;
    const key = keys.get(name);
    if (key !== undefined) {
      given.set(key, { kind: 'text', text, origin: { kind: 'environment', name } });
      continue;
    }
    const stem = name.slice(variablePrefix.length);
    const near = nearest(stem, stems);
    const isMeant = sectionsOf(known).some((one) => stem.startsWith(`${stemOf(one)}_`));
    const mend = near === undefined ? 'unset it' : `did you mean ${variablePrefix}${near}?`;
    const origin: Origin = { kind: 'environment', name: '' };
    const said = isMeant || near !== undefined ? complaints : warnings;
    said.push({ origin, key: name, problem: 'is of no key', mend });
  }
  return { given, complaints, warnings };
}
