// Reads as much of BitBake's language as these recipes use. On npm a parser of it exists only
// inside a whole language server. This reader rejects unknown syntax.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export const layer = 'targets/yocto/meta-sota-agent';

export type Recipe = {
  readonly name: string;
  readonly version: string;
  /** By name, flags and overrides included, such as `FILES:${PN}` or `SRC_URI[arm64.sha256sum]`. */
  readonly variables: ReadonlyMap<string, string>;
  readonly functions: ReadonlyMap<string, string>;
  /** Python functions that expressions call, as they are written. */
  readonly definitions: string;
  readonly inherits: readonly string[];
  readonly text: string;
};

const assignment =
  /^([A-Za-z_][\w:${}.-]*(?:\[[\w.]+\])?) (\?\?=|\?=|\+=|=\+|:=|\.=|=\.|=) "(.*)"$/;

/** `appends` are those of other layers, in their order. */
export function readRecipe(path: string, ...appends: readonly string[]): Recipe {
  const variables = new Map<string, string>();
  const functions = new Map<string, string>();
  const inherits: string[] = [];
  const texts: string[] = [];
  const definitions: string[] = [];
  const take = (file: string) => {
    const text = readFileSync(file, 'utf8');
    texts.push(text);
    for (const { line, at, body } of statementsOf(text)) {
      const where = `${file}:${at}: ${line}`;
      const [, name = '', operator, value = ''] = assignment.exec(line) ?? [];
      // As BitBake does with anonymous Python: one after the other.
      if (body !== undefined && line === 'python') {
        functions.set(line, `${functions.get(line) ?? ''}${body}\n`);
      } else if (body !== undefined && line.startsWith('def ')) definitions.push(body);
      else if (body !== undefined) functions.set(line, body);
      else if (name !== '') set(variables, name, operator ?? '', here(file, checked(value, where)));
      else if (line.startsWith('inherit ')) inherits.push(...line.split(/\s+/).slice(1));
      else if (line.startsWith('require ')) take(required(file, line.slice(8).trim()));
      else throw new Error(`not understood: ${where}`);
    }
  };
  [path, ...appends].forEach(take);
  const [name = '', version = ''] = basename(path, '.bb').split('_');
  const [text, defined] = [texts.join('\n'), definitions.join('\n')];
  return { name, version, variables, functions, definitions: defined, inherits, text };
}

/** BitBake searches in the directory of the file first, then from the root of the layer. */
function required(file: string, name: string): string {
  const root = file.replace(/\/(?:recipes-sota|dynamic-layers)\/.*/, '');
  const found = [join(dirname(file), name), join(root, name)].find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${file} requires ${name}, which is not there`);
  return found;
}

/** Expands THISDIR immediately, because it is the directory of this file. */
const here = (file: string, value: string) => value.replaceAll('${THISDIR}', dirname(file));

function set(all: Map<string, string>, name: string, operator: string, value: string): void {
  const old = all.get(name);
  if (operator === '?=' || operator === '??=') all.set(name, old ?? value);
  else if (operator === '+=') all.set(name, `${old ?? ''} ${value}`.trim());
  else if (operator === '=' || operator === ':=') all.set(name, value);
  else throw new Error(`${name} ${operator} is not known here`);
}

function checked(value: string, where: string): string {
  if (value.replace(/\$\{@[^}]*(?:\{[^}]*\}[^}]*)*\}/g, '').includes('"')) {
    throw new Error(`a quote within a value: ${where}`);
  }
  const opened = value.split('${').length;
  if (opened > value.split('}').length) throw new Error(`an open \${: ${where}`);
  return value;
}

type Statement = { readonly line: string; readonly at: number; readonly body?: string };

/** Lines that end in a backslash are joined; a function ends at a brace in the first column. */
function statementsOf(text: string): readonly Statement[] {
  const lines = text.split('\n');
  const all: Statement[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const start = at + 1;
    let line = lines[at] ?? '';
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (line.startsWith('def ')) {
      // Up to the first line that is not indented.
      while (/^(\s.*)?$/.test(lines[at + 1] ?? '-')) at += 1;
      all.push({ line, at: start, body: lines.slice(start - 1, at + 1).join('\n') });
      continue;
    }
    const name = /^([\w:${}-]+|python |python \w+ ?)\(\) \{$/.exec(line)?.[1]?.trim();
    if (name !== undefined) {
      const end = lines.indexOf('}', at);
      if (end < 0) throw new Error(`${name} has no end`);
      all.push({ line: name, at: start, body: lines.slice(at + 1, end).join('\n') });
      at = end;
      continue;
    }
    while (line.endsWith('\\')) {
      at += 1;
      line = `${line.slice(0, -1)}${lines[at] ?? ''}`;
    }
    all.push({ line: line.trim(), at: start });
  }
  return all;
}
