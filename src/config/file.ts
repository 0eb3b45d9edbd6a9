// The keys of the configuration file, with their lines.
import { parse, TomlError } from 'smol-toml';
import { brief } from './given.ts';
import { currentNames, sectionsOf, suggestKey } from './key-entries.ts';
import { isObject } from '../schema.ts';
import { suggest } from './suggest.ts';
import { findLines } from './toml-lines.ts';
import type { ConfigError, Origin, Source } from '../config.ts';
import type { Gathered, Given } from './given.ts';
import type { KeyEntry } from './key-entries.ts';

export function fromFile(
  { file, text }: Pick<Source, 'file' | 'text'>,
  known: readonly KeyEntry[],
): Gathered {
  if (text === undefined) return { given: new Map(), errors: [], warnings: [] };
  const lineOf = findLines(text);
  const given = new Map<string, Given>();
  const errors: ConfigError[] = [];
  const names = currentNames(known);
  const sections = sectionsOf(known);
  const visit = (table: { readonly [key: string]: unknown }, above: readonly string[]) => {
    for (const [last, value] of Object.entries(table)) {
      const path = [...above, last];
      const name = path.join('.');
      const origin: Origin = { kind: 'file', file, line: lineOf(path) };
      const key = names.get(name);
      if (key !== undefined) {
        const other = given.get(key);
        if (other !== undefined) errors.push(doubled(key, { name, origin }, other));
        given.set(key, { kind: 'toml', name, value, origin });
      } else if (!sections.includes(name)) {
        errors.push({ origin, ...unknown(path, value, names, sections) });
      } else if (isObject(value)) visit(value, path);
      else {
        const hint = `write [${name}], and its keys on the lines below`;
        errors.push({ origin, key: name, problem: `is ${brief(value)}, not a section`, hint });
      }
    }
  };
  try {
    visit(parse(text, { maxDepth: 16 }), []);
  } catch (thrown) {
    return { given: new Map(), errors: [notToml(file, thrown)], warnings: [] };
  }
  return { given, errors, warnings: [] };
}

function notToml(file: string, thrown: unknown): ConfigError {
  if (!(thrown instanceof TomlError)) throw thrown;
  const reason = thrown.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? '';
  const origin: Origin = { kind: 'file', file, line: thrown.line };
  return { origin, key: '', problem: `not valid TOML: ${reason}`, hint: 'correct this line' };
}

type Named = Pick<Given, 'name' | 'origin'>;

/** One of the two names is a former one: TOML itself refuses a key that is set twice. */
function doubled(key: string, one: Named, other: Named): ConfigError {
  const [former, current] = one.name === key ? [other, one] : [one, other];
  const line = current.origin.kind === 'file' ? current.origin.line : undefined;
  return {
    origin: former.origin,
    key: former.name,
    problem: `is a deprecated name of ${key}, which line ${line ?? 1} sets`,
    hint: 'remove one of the two lines',
  };
}

function unknown(
  path: readonly string[],
  value: unknown,
  names: ReadonlyMap<string, string>,
  sections: readonly string[],
): Omit<ConfigError, 'origin'> {
  const key = path.join('.');
  const section = path.slice(0, -1).join('.');
  const near = suggest(key, sections);
  // [[rvy]] is a list of tables, but so is a list of rules.
  const isListed = Array.isArray(value) && value.every(isObject) && near !== undefined;
  if (isObject(value) || (isListed && suggestKey(key, names) === undefined)) {
    const hint =
      near === undefined ? `the sections are ${sections.join(', ')}` : `did you mean [${near}]?`;
    return { key: `[${key}]`, problem: 'is not a known section', hint };
  }
  const isInSection = (name: string) => section !== '' && name.startsWith(`${section}.`);
  const current = [...new Set(names.values())];
  const sameName = current.filter((name) => name.endsWith(`.${path.at(-1) ?? ''}`));
  const meant =
    suggestKey(key, names, isInSection) ??
    (sameName.length === 1 ? sameName[0] : undefined) ??
    suggestKey(key, names);
  const problem = 'is not a known key';
  if (meant !== undefined) return { key, problem, hint: `did you mean ${meant}?` };
  const inSection = current.filter(isInSection).map((name) => name.slice(section.length + 1));
  const hint =
    inSection.length > 0 ? `the keys of [${section}] are ${inSection.join(', ')}` : 'remove it';
  return { key, problem, hint };
}
