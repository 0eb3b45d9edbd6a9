// Tests the style rules that a pattern can check. Each rule is a function from files to complaints;
// it runs over the tree and over snippets that break the rule.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert, suite } from './support/suite.ts';

type File = {
  readonly path: string;
  readonly text: string;
  /** The text without the contents of strings. A rule and its snippets must not break the rule. */
  readonly prose: string;
  /** The text without the contents of strings and without comments. */
  readonly code: string;
};

type Rule = {
  readonly name: string;
  readonly complain: (files: readonly File[]) => readonly string[];
  /** Path and text of files that must each cause a complaint. */
  readonly bad: readonly (readonly [path: string, text: string])[];
};

/** For the files of src: the modules from which each may import values, or types only. */
const imports: readonly {
  readonly from: RegExp;
  readonly values: string;
  readonly types?: string;
}[] = [
  {
    from: /^(assert|exit-codes|limits|sanitize|schema|log-codes|crc32|fact-codec)\.ts$/,
    values: '',
  },
  { from: /^settings\.ts$/, values: '', types: 'backends/rvi core' },
  { from: /^core\//, values: 'core' },
  { from: /^backends\/backend\.ts$/, values: '', types: 'core settings' },
  { from: /^backends\/rvi\/codec\//, values: 'backends/rvi/codec', types: 'backends/rvi core' },
  {
    from: /^backends\/rvi\/transport\//,
    values: 'backends/rvi backends/rvi/transport core ws node:http node:https node:net',
    types: 'host node:stream node:tls',
  },
  {
    from: /^backends\/rvi\//,
    values: 'backends/rvi backends/rvi/codec core',
    types: 'backends backends/rvi/transport host',
  },
  {
    from: /^config(\.ts|\/)/,
    values: 'config install smol-toml node:net',
    types: 'backends/rvi core settings',
  },
  { from: /^host\//, values: 'host node:*' },
  { from: /^store\//, values: 'store', types: 'host' },
  // The list of installers is the only file that names their folders.
  { from: /^install\/installers\.ts$/, values: 'install install/*', types: 'core settings' },
  { from: /^install\/\w+\//, values: 'install ./', types: 'core host settings' },
  { from: /^install\//, values: 'install', types: 'core host settings' },
  { from: /^control\//, values: 'control core', types: 'host' },
  // The only file outside of backends/ that names a backend.
  {
    from: /^agent\/backend\.ts$/,
    values: 'agent backends/rvi backends/rvi/transport',
    types: 'core',
  },
  { from: /^agent\//, values: 'agent core store', types: 'backends install host settings' },
  {
    from: /^commands\//,
    values: 'commands config control core node:util',
    types: 'host install settings',
  },
  {
    from: /^(offline-status|run-daemon)\.ts$/,
    values: 'agent control core host install store',
    types: 'commands settings',
  },
  {
    from: /^main\.ts$/,
    values:
      'agent commands config control core host install offline-status run-daemon store node:*',
  },
];
const leaves =
  'assert exit-codes limits sanitize schema log-codes crc32 fact-codec node:crypto node:zlib';

type Word = readonly [
  word: RegExp,
  isBanned: (path: string) => boolean,
  instead: string,
  snippet: string,
];

const codeWords: readonly Word[] = [
  [/\b(Date|performance)\.now\b/, isPure, 'the Clock that was given', 'x = Date.now();'],
  [/\bset(Timeout|Interval|Immediate)\b/, isPure, 'the Clock that was given', 'setTimeout(f, 1);'],
  [/\bMath\.random\b/, isPure, 'the Random that was given', 'x = Math.random();'],
  [/\bprocess\./, isPure, 'what main.ts hands down', 'x = `${process.pid}`;'],
  [/\bconsole\./, isPure, 'the Log that was given', 'console.log(1);'],
  [/\b(import|require)\(/, isProduct, 'an import at the top', 'x = await import(y);'],
  [/^(export )?let /m, isProduct, 'state of a createX()', 'export let connected = false;'],
  [/^(export )?class (?!AssertionError\b)/m, isAny, 'a createX()', 'class Agent {}'],
  [/^(export )?(const )?enum /m, isAny, 'a union of literals', 'export const enum Kind {}'],
  [/^(export )?namespace /m, isAny, 'a file', 'namespace x {}'],
  [/^export default\b/m, isAny, 'an export with a name', 'export default 1;'],
  [/(: |<|\bas )an[y]\b|\bany\[\]/, isAny, 'unknown, and a check', 'x = y as any;'],
  [/\bas unknown as\b/, isAny, 'a check', 'x = y as unknown as string;'],
  [/[\w)\]]!(?=[.;,)\]])/, isAny, 'a check', 'x = list[0]!.name;'],
  [/\.only\(/, isAny, 'a path behind test/run.mjs', 'test.only(a, b);'],
];

const proseWords: readonly Word[] = [
  [/@ts-[a-z]/, isAny, 'types that hold', '// @ts-ignore'],
  [/\bFIXM[E]\b/, isAny, 'the mend', '// FIXME: later'],
];

function isAny() {
  return true;
}

function isProduct(path: string) {
  return path.startsWith('src/');
}

function isPure(path: string) {
  return isProduct(path) && !path.startsWith('src/host/') && path !== 'src/main.ts';
}

function lines(check: (line: string, path: string) => boolean): Rule['complain'] {
  return (files) =>
    files.flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, at) => (check(line, path) ? [`${path}:${at + 1}`] : [])),
    );
}

/** A list of test cases may be longer than other code. */
function longFiles(files: readonly File[]): readonly string[] {
  return files.flatMap(({ path, text }) => {
    const linesMax = path.endsWith('.test.ts') ? 600 : 300;
    const count = text.split('\n').length - 1;
    return count > linesMax ? [`${path} has ${count} lines; most: ${linesMax}`] : [];
  });
}

/** The formatter ends a block at the first brace in the column of its first line. */
function longFunctions(files: readonly File[]): readonly string[] {
  return files.flatMap(({ path, text }) => {
    const all = text.split('\n');
    return all.flatMap((line, at) => {
      if (!/(\)(: [^=]+)?|=>) \{$/.test(line)) return [];
      const indent = /^ */.exec(line)?.[0] ?? '';
      const count = all.slice(at).findIndex((later) => later.startsWith(`${indent}}`)) + 1;
      const first = all.slice(0, at + 1).findLast((l) => new RegExp(`^${indent}[^ )]`).test(l));
      // createX() takes the place of a class. Its inner functions count separately.
      const linesMax = / create[A-Z]/.test(first ?? '') ? 200 : 70;
      return count > linesMax ? [`${path}:${at + 1} has ${count} lines; most: ${linesMax}`] : [];
    });
  });
}

type Import = { readonly target: string; readonly isType: boolean };

function importsOf({ path, text }: File): readonly Import[] {
  const statement = /^(?:import|export)\b(?: (type)\b)?(?:[^'";=]*\bfrom)? ?'([^']+)';$/gm;
  return [...text.matchAll(statement)].map(([, type, target = '']) => ({
    target: target.startsWith('.') ? join(dirname(path), target) : target,
    isType: type !== undefined,
  }));
}

function wrongImports(files: readonly File[]): readonly string[] {
  return files
    .filter(({ path }) => isProduct(path))
    .flatMap((file) => {
      const inside = file.path.slice('src/'.length);
      const row = imports.find(({ from }) => from.test(inside));
      if (row === undefined) return [`${file.path} has no row in the table of imports`];
      const values = `${leaves} ${row.values.replace('./', nameOf(file.path))}`.split(' ');
      const types = [...values, ...(row.types ?? '').split(' ')];
      return importsOf(file).flatMap(({ target, isType }) => {
        const name = nameOf(target);
        const may = isType ? types : values;
        const family = name.replace(/(node:|install\/).*/, '$1*');
        if (may.includes(name) || may.includes(family)) return [];
        return [`${file.path} may not import ${isType ? 'types' : 'values'} of ${target}`];
      });
    });
}

/** Returns the name for the import table. Each installer and each part of a backend has its own. */
function nameOf(target: string): string {
  if (!target.startsWith('src/')) return target;
  return (
    /^src\/(install\/\w+(?=\/)|backends\/\w+(\/(codec|transport))?(?=\/)|[\w-]+)/.exec(
      target,
    )?.[1] ?? ''
  );
}

function unreached(files: readonly File[]): readonly string[] {
  const reached = new Set<string>();
  const visit = (path: string) => {
    const file = files.find((one) => one.path === path);
    if (file === undefined || reached.has(path)) return;
    reached.add(path);
    for (const { target } of importsOf(file)) visit(target);
  };
  visit('src/main.ts');
  const lost = files.filter(({ path }) => isProduct(path) && !reached.has(path));
  return lost.map(({ path }) => `main.ts does not lead to ${path}`);
}

function forbids(view: 'code' | 'prose') {
  return ([word, isBanned, instead, snippet]: Word): Rule => ({
    name: `not ${word.source} but ${instead}`,
    complain: (files) =>
      files.filter((one) => isBanned(one.path) && word.test(one[view])).map(({ path }) => path),
    bad: [['src/core/x.ts', snippet]],
  });
}

const rules: readonly Rule[] = [
  {
    name: 'a line has at most 100 characters',
    complain: lines((line) => line.length > 100),
    bad: [['src/a.ts', 'x'.repeat(101)]],
  },
  {
    name: 'no line ends in a blank, none has a tab',
    complain: lines((line) => /[ \t]$|\t/.test(line)),
    bad: [
      ['src/a.ts', 'x '],
      ['src/a.ts', '\tx'],
    ],
  },
  {
    name: 'a file is short, and ends with one line end',
    complain: (files) => [
      ...longFiles(files),
      ...files.filter(({ text }) => !/[^\n]\n$/.test(text)).map(({ path }) => path),
    ],
    bad: [
      ['src/a.ts', 'x\n'.repeat(301)],
      ['test/a.test.ts', 'x\n'.repeat(601)],
      ['src/a.ts', 'x'],
      ['src/a.ts', 'x\n\n'],
    ],
  },
  {
    name: 'a function has at most 70 lines',
    complain: longFunctions,
    bad: [
      ['src/a.ts', `function f(): void {\n${'  x;\n'.repeat(69)}}\n`],
      ['src/a.ts', `  const f = async () => {\n${'    x;\n'.repeat(69)}  };\n`],
      ['src/a.ts', `function f(\n  a: A,\n): B {\n${'  x;\n'.repeat(69)}}\n`],
      ['src/a.ts', `function createF(\n  a: A,\n): B {\n${'  x;\n'.repeat(199)}}\n`],
    ],
  },
  {
    name: 'imports follow the table',
    complain: wrongImports,
    bad: [
      ['src/core/a.ts', `import { b } from '../store/b.ts';\n`],
      ['src/core/a.ts', `import type { B } from '../host/ports.ts';\n`],
      ['src/core/a.ts', `import {\n  b,\n} from 'node:fs';\n`],
      ['src/core/a.ts', `export { b } from '../agent/b.ts';\n`],
      ['src/core/a.ts', `import 'node:process';\n`],
      ['src/store/a.ts', `import { b } from '../host/disk.ts';\n`],
      ['src/backends/rvi/codec/a.ts', `import { b } from '../core/b.ts';\n`],
      ['src/install/opkg/a.ts', `import type { b } from '../swupdate/b.ts';\n`],
      ['src/install/rauc/a.ts', `import { b } from '../opkg/b.ts';\n`],
      ['src/install/a.ts', `import { b } from './opkg/b.ts';\n`],
      ['src/core/a.ts', `import type { b } from '../install/installers.ts';\n`],
      ['src/install/a.ts', `import type { b } from '../config/b.ts';\n`],
      ['src/agent/a.ts', `import type { b } from '../install/opkg/b.ts';\n`],
      ['src/utils/a.ts', ''],
    ],
  },
  {
    name: 'main.ts leads to every file of src',
    complain: unreached,
    bad: [['src/core/dead.ts', '']],
  },
  ...codeWords.map(forbids('code')),
  ...proseWords.map(forbids('prose')),
];

function read(path: string, text = readFileSync(path, 'utf8')): File {
  // Template literals stay because they contain code. The pattern may lose the text after a quote
  // within a regular expression or a template, but never more than the rest of that line.
  const part = /\/\/.*|\/\*[^]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g;
  const isComment = (found: string) => found.startsWith('/');
  const prose = text.replace(part, (found) => (isComment(found) ? found : "''"));
  return { path, text, prose, code: prose.replace(part, (f) => (isComment(f) ? '' : f)) };
}

const paths = ['src', 'test', 'targets'].flatMap((folder) =>
  readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name))),
);
const all = [...paths, 'build.mjs'].filter((path) => /\.(ts|mjs)$/.test(path)).sort();
const tree = all.map((path) => read(path));

const test = suite('tidy');

test('finds the tree', () => {
  assert.ok(all.includes('src/main.ts') && all.includes('test/tidy.test.ts'));
});

test('takes good files as they are', () => {
  const good = [
    read('src/main.ts', `import { a } from './core/a.ts';\n`),
    read('src/core/a.ts', `// It's said: never process.exit().\nexport const a = 'as any';\n`),
  ];
  assert.equal(
    rules.flatMap(({ complain }) => complain(good)),
    [],
  );
});

for (const { name, complain, bad } of rules) {
  test(name, () => assert.equal(complain(tree), []));
  for (const [at, [path, text]] of bad.entries()) {
    test(`${name}: catches snippet ${at + 1}`, () => {
      assert.is(complain([read(path, text)]).length, 1);
    });
  }
}

test.run();
