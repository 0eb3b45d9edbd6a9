// Tests that the pages of docs/reference equal the output of `make docs`, and that each entry of
// the tables in src has a row.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { knownKeys } from '../../src/config.ts';
import { assert, suite } from '../support/suite.ts';
import { linked, table } from './reference/markdown.ts';
import { failures, keysOf, pages } from './reference/pages.ts';
import { constantsOf, fieldsOf, tableOf } from './reference/source.ts';

const test = suite('the reference pages');

for (const { path, text } of pages()) {
  test(`${path} is what make docs writes`, () => {
    const lines = readFileSync(path, 'utf8').split('\n');
    const made = text.split('\n');
    const differing = made.findIndex((line, at) => line !== lines[at]);
    const hint = `${path}:${differing + 1} differs: run make docs`;
    if (lines.length !== made.length || differing >= 0)
      assert.is(lines[differing], made[differing], hint);
    assert.is(lines.length, made.length, hint);
  });
}

test('docs/reference has no other page', () => {
  const paths = pages().map(({ path }) => path);
  const files = readdirSync('docs/reference').map((name) => join('docs/reference', name));
  assert.equal(files.sort(), paths.sort());
});

test('the page of the configuration has each key once, in order', () => {
  assert.equal(
    keysOf().map(({ key }) => key),
    knownKeys(),
  );
});

const sources = readdirSync('src', { recursive: true })
  .map((name) => join('src', String(name)))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));

test('the codes of a failed update are those that the agent gives', () => {
  const union = /type ReportCode =\n((?: {2}\| '[a-z-]+'\n?)+)/;
  const declared = sources.find(({ text }) => union.test(text));
  const known = [...(union.exec(declared?.text ?? '')?.[1] ?? '').matchAll(/'([a-z-]+)'/g)];
  assert.ok(known.length > 5);
  const others = sources.filter(({ path }) => path !== declared?.path);
  const isGiven = (code: string) =>
    others.some(({ text }) =>
      new RegExp(`(\\bcode(?:: | = .*)|failure\\([\\w.]+, )'${code}'`).test(text),
    );
  const given = known.map(([, code = '']) => code).filter((code) => code !== 'ok' && isGiven(code));
  assert.equal(Object.keys(failures).sort(), given.sort());
});

test('each code of the control socket is in use', () => {
  const path = 'src/control/protocol.ts';
  const text = sources.map((one) => one.text).join('\n');
  for (const { name } of tableOf(path, 'refusalCodes')) {
    assert.match(text, new RegExp(`\\bcode: '${name}'`), name);
  }
});

// ---------------------------------------------------------------- the reader of the sources

test('a table is read with its sections and comments', () => {
  const text = `export const all = {
  // ---------------------------------------------------------------- First
  // One line.
  a: 'info',
  // Two
  // lines.
  'b-c': 'warn or debug',

  // ---------------------------------------------------------------- Second
  // Last.
  d: 3,
} as const;
`;
  assert.equal(tableOf('x', 'all', text), [
    { section: 'First', name: 'a', value: "'info'", comment: 'One line.' },
    { section: 'First', name: 'b-c', value: "'warn or debug'", comment: 'Two lines.' },
    { section: 'Second', name: 'd', value: '3', comment: 'Last.' },
  ]);
});

test('constants below each other share a comment', () => {
  const text = `// Head.

/** One. */
export const aMs = 1_000;
/**
 * Two
 * lines.
 */
export const bMin = 1;
export const bMax = 2;
`;
  const found = constantsOf('x', text).map(({ name, value, comment }) => [name, value, comment]);
  assert.equal(found, [
    ['aMs', '1_000', 'One.'],
    ['bMin', '1', 'Two lines.'],
    ['bMax', '2', 'Two lines.'],
  ]);
});

test('an entry without a comment, and a line that is no entry, are errors', () => {
  const wrong = (body: string) => () =>
    tableOf('x', 'all', `export const all = {\n${body}\n} as const;\n`);
  assert.throws(wrong('  a: 1,'), /a has no comment/);
  assert.throws(wrong('  // One.\n  a: 1,\n\n  b: 1,'), /b has no comment/);
  assert.throws(wrong('  // One.\n  ...others,'), /not understood/);
  assert.throws(() => tableOf('x', 'none', ''), /has no table none/);
  assert.throws(() => fieldsOf('NoSuchType'), /no type NoSuchType/);
});

test('a page and a section of the protocol become links', () => {
  assert.is(linked('see docs/a/b-c.md.'), 'see [b c](../a/b-c.md).');
  assert.match(
    linked('(protocol 2.4)'),
    /^\(\[protocol 2\.4\]\(\.\.\/internals\/protocol\.md#24-[a-z-]+\)\)$/,
  );
  assert.throws(() => linked(`protocol ${99.9}`), /no section 99\.9/);
  assert.is(table(['a'], [['x|y']]), '| a |\n|---|\n| x\\|y |');
});

test.run();
