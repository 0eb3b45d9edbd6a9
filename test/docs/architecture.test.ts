// Tests docs/internals/architecture.md against the tree: each file and function that the page names
// must exist, and each claim that a pattern can check must be true.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../support/suite.ts';

const page = 'docs/internals/architecture.md';
const test = suite('the architecture');
const text = readFileSync(page, 'utf8');
const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

type Read = (path: string) => string;

/** Returns each "`name` in `file`" of the text that does not exist. */
function missingIn(prose: string, readFile: Read): readonly string[] {
  const named = [...prose.matchAll(/`(\w+)`(?: and `(\w+)`)? in\s+`(src\/[\w./-]+\.ts)`/g)];
  return named.flatMap(([, first = '', second, file = '']) =>
    [...new Set([first, second ?? first])]
      .filter((name) => !new RegExp(`\\b${name}\\b`).test(readFile(file)))
      .map((name) => `${name} in ${file}`),
  );
}

function stationsIn(prose: string): readonly string[] {
  const journey = prose.split('## The journey of one chunk')[1]?.split('\n## ')[0] ?? '';
  return journey.split('\n').filter((line) => /^\d+\. `\w+` in `src\//.test(line));
}

test('names functions that exist', () => {
  assert.equal(missingIn(text, read), []);
});

test('names files and folders that exist', () => {
  const paths = [...text.matchAll(/`(src\/[\w./-]+?)\/?`/g)].map(([, path = '']) => path);
  const planned = ['src/core/trust'];
  assert.ok(paths.length > 15);
  assert.equal(
    paths.filter((path) => !existsSync(path) && !planned.includes(path)),
    [],
  );
});

test('a chunk has at most eight stations', () => {
  const count = stationsIn(text).length;
  assert.ok(count > 4 && count <= 8, `${count} stations`);
});

test('each change touches three files or fewer outside its folder', () => {
  const table = text.split('## What a change touches')[1]?.split('\n## ')[0] ?? '';
  const rows = table.split('\n').filter((line) => /^\| an? /.test(line));
  assert.ok(rows.length === 4);
  for (const row of rows) {
    const outside = row.split('|')[3] ?? '';
    assert.ok((outside.match(/`src\//g) ?? []).length <= 3, row);
  }
});

test('the core names no server, no installer and no message of one', () => {
  const words = /\b(rvi|hawkbit|opkg|swupdate|notify|getpackages|network_address)\b/i;
  const files = readdirSync('src/core', { recursive: true }).map(String);
  const found = files
    .filter((name) => name.endsWith('.ts') && name !== 'status.ts')
    .filter((name) => words.test(withoutComments(read(join('src/core', name)))));
  assert.equal(found, []);
});

test('the store imports nothing of the core or a backend', () => {
  const files = readdirSync('src/store').filter((name) => name.endsWith('.ts'));
  const found = files.filter((name) =>
    /from '\.\.\/(core|backends)\//.test(read(`src/store/${name}`)),
  );
  assert.equal(found, []);
});

test('the format on flash lists each kind of fact', () => {
  const format = readFileSync('docs/internals/journal-format.md', 'utf8');
  const listed = [...format.matchAll(/^\| `([a-z-]+)` \| `[a-z-]+` \| (?:core|RVI) \|$/gm)];
  const tables = ['src/core/flash-facts.ts', 'src/backends/rvi/flash-facts.ts'].map(read).join('');
  const kinds = /(?:(?:critical|repeatable)\(\s*|flash: )'([a-z-]+)'/g;
  const known = [...tables.matchAll(kinds)].map(([, kind]) => kind);
  assert.equal(listed.map(([, kind]) => kind).sort(), known.sort());
});

test('notices a missing function and a missing file', () => {
  const prose = 'see `a` and `b` in `src/x.ts`, and `c` in `src/y.ts`';
  const files: { readonly [path: string]: string } = { 'src/x.ts': 'function a() {}' };
  assert.equal(
    missingIn(prose, (path) => files[path] ?? ''),
    ['b in src/x.ts', 'c in src/y.ts'],
  );
  assert.equal(stationsIn('## The journey of one chunk\n\n1. `a` in `src/x.ts`: b\n').length, 1);
});

function withoutComments(code: string): string {
  return code.replace(/\/\*[^]*?\*\/|\/\/.*/g, '');
}

test.run();
