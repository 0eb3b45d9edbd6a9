// Tests the tables of the handwritten pages against the code, in both directions: commands, make
// targets, Debian packages, limits. test/docs/reference.test.ts tests the pages of docs/reference.
import { readFileSync } from 'node:fs';
import { commands } from '../src/commands/cli.ts';
import * as limits from '../src/limits.ts';
import { environment } from '../src/install/program.ts';
import { pagesOfTree, parse } from './docs/markdown.ts';
import { assert, suite } from './support/suite.ts';

const test = suite('the tables of the pages');
const read = (path: string) => readFileSync(path, 'utf8');
const commandsPage = read('docs/operate/commands.md');
const contributing = read('CONTRIBUTING.md');

type Row = readonly string[];

/**
 * Returns the rows of the tables whose first column has this head; the first cell has no quotes.
 */
function rowsUnder(head: string, text: string): readonly Row[] {
  const blocks = text.split(/\n\n/).filter((block) => block.startsWith(`| ${head} |`));
  return blocks.flatMap((table) =>
    table
      .trim()
      .split('\n')
      .slice(2)
      .map((line) => line.split(/ ?(?<!\\)\| ?/).slice(1, -1))
      .map(([first = '', ...rest]) => [first.replaceAll('`', ''), ...rest]),
  );
}

const firsts = (rows: readonly Row[]) => rows.map(([first = '']) => first);

/** Compares only the differences, because a failure is hard to find in a long list. */
function assertSame(listed: readonly string[], known: readonly string[]): void {
  const missing = known.filter((one) => !listed.includes(one));
  const unknown = listed.filter((one) => !known.includes(one));
  const twice = listed.filter((one, at) => listed.indexOf(one) !== at);
  const found = { missing: [...new Set(missing)], unknown, twice };
  assert.equal(found, { missing: [], unknown: [], twice: [] });
}

test('lists every command, and no other', () => {
  const rows = rowsUnder('command', commandsPage);
  const listed = firsts(rows).filter((name) => name.startsWith('sota-agent '));
  const known = [...commands].map(([name, { words, takesJson }]) => {
    const spelt = words.map((word) => (word.isNeeded ? word.name : `[${word.name}]`));
    return ['sota-agent', name, ...spelt, ...(takesJson ? ['[--json]'] : [])].join(' ');
  });
  const others = ['sota-agent version', 'sota-agent help [COMMAND]'];
  assertSame(listed, [...new Set([...known, ...others])]);
});

test('lists the targets of the Makefile', () => {
  const makefile = readFileSync('Makefile', 'utf8');
  const targets = [...makefile.matchAll(/^([a-z0-9%-]+):.*## /gm)].map(([, name = '']) =>
    ['make', name.replace('%', 'NAME')].join(' '),
  );
  const listed = firsts(rowsUnder('command', contributing)).filter((name) => /^make /.test(name));
  assertSame(listed, targets);
});

test('lists the tiers of the tests', () => {
  const known = [...read('test/tiers.mjs').matchAll(/name: '(\w+)'|emulatedTier = '(\w+)'/g)];
  const listed = firsts(rowsUnder('tier', read('docs/internals/testing.md')));
  assertSame(
    listed.filter((name) => name !== ''),
    known.map(([, name, last]) => name ?? last ?? ''),
  );
});

test('names the Debian packages that are installed', () => {
  const makefile = readFileSync('Makefile', 'utf8');
  const packages = [...makefile.matchAll(/[ \t][a-z][\w.-]*=([a-z][a-z0-9-]+)(?=[ \n])/g)];
  assert.ok(packages.length > 5);
  for (const [, name = ''] of packages) assert.ok(contributing.includes(name), name);
});

const makesOf = (text: string) => [...text.matchAll(/^make ([a-z0-9-]+)/gm)];

test('names no target of make that is not there', () => {
  const makefile = readFileSync('Makefile', 'utf8');
  const known = [...makefile.matchAll(/^([a-z0-9%-]+):/gm)].map(([, name = '']) => name);
  for (const page of pagesOfTree()) {
    const { blocks, prose } = parse(read(page));
    const typed = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
    const named = [...prose.matchAll(/`make ([a-z0-9-]+)/g), ...typed.flatMap(makesOf)];
    for (const [, name = ''] of named) {
      assert.ok(known.includes(name.replace(/^target-.*/, 'target-%')), `${page}: make ${name}`);
    }
  }
});

test('has the limits as they are', () => {
  const rows = rowsUnder('limit', read('SECURITY.md'));
  assert.ok(rows.length > 10);
  const known = new Map<string, number>(Object.entries(limits));
  for (const [name = '', value = ''] of rows) {
    assert.is(Number(value.replaceAll(' ', '')), known.get(name), name);
  }
});

test('tells what programs are given', () => {
  const rows = rowsUnder('variable', read('docs/integrate/installers.md')).filter(
    ([, , given]) => given === 'all',
  );
  const told = rows.map(([name, value = '']) => [name, value.replaceAll('`', '')]);
  assert.equal(told, Object.entries(environment));
});

test.run();
