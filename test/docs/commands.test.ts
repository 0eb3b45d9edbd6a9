// Tests that every block of commands in the pages names the test that runs it, or why no test does.
// test/e2e/pages.test.ts runs the blocks that name it. Snippets prove that the rule finds
// violations.
import { existsSync, readFileSync } from 'node:fs';
import { assert, suite } from '../support/suite.ts';
import { commandsOf, keyWordsOf, problemsOf } from './commands.ts';
import { pagesOfTree, parse } from './markdown.ts';

const test = suite('the commands of the pages');
const tree = { exists: existsSync, read: (path: string) => readFileSync(path, 'utf8') };

test('each block of commands in the pages is run by a test, or has a reason', () => {
  const pages = pagesOfTree();
  assert.ok(pages.includes('README.md') && pages.includes('docs/operate/commands.md'));
  const problems = pages.flatMap((page) =>
    problemsOf(tree.read(page), tree).map((problem) => `${page}, ${problem}`),
  );
  assert.equal(problems, []);
});

const fence = '```';
const block = (marker: string, command: string, language = 'sh') =>
  [...(marker === '' ? [] : [`<!-- ${marker} -->`]), fence + language, command, fence, ''].join(
    '\n',
  );
const sources = new Map([['test/e2e/x.test.ts', `ask(['why']); runMake('demo');`]]);
const read = (path: string) => sources.get(path) ?? '';
const found = (text: string) => problemsOf(text, { exists: (path) => sources.has(path), read });

test('takes a block that names its test or a reason', () => {
  for (const good of [
    block('run: test/e2e/x.test.ts', 'sota-agent why maps'),
    block('run: test/e2e/x.test.ts', '$ make demo\nall went well', 'console'),
    block('run: test/e2e/x.test.ts', 'A=1 build/linux-x64/sota-agent why --config x'),
    block('not run: needs a device with systemd', 'journalctl -u sota-agent'),
    block('', 'rvi.url = "http://127.0.0.1:8901"', 'toml'),
    'Data:\n\n    {"id": 1}\n',
    `1. A list:\n\n    of its own\n\n${block('', 'x', 'text')}`,
  ]) {
    assert.equal(found(good), [], good);
  }
});

const bad: readonly (readonly [what: string, text: string, problem: RegExp])[] = [
  ['no marker', block('', 'sota-agent why'), /line 1: no marker/],
  ['another comment', block('see below', 'sota-agent why'), /line 2: no marker/],
  ['no such test', block('run: test/e2e/y.test.ts', 'sota-agent why'), /is no test of the tree/],
  ['no test at all', block('run: README.md', 'sota-agent why'), /is no test of the tree/],
  ['another command', block('run: test/e2e/x.test.ts', 'sota-agent watch'), /contain "watch"/],
  ['one of two commands', block('run: test/e2e/x.test.ts', 'make demo\nmake size'), /"size"/],
  ['no such path', block('not run: part of another test', 'node test/gone.mjs'), /no test\/gone/],
  ['no reason', block('not run:', 'make size'), /needs a reason/],
  ['hardly a reason', block('not run: too slow', 'make size'), /needs a reason/],
  ['no language', block('', 'make size', ''), /names no language/],
  ['a hidden command', block('', 'make size', 'text'), /a block that is not "sh"/],
  ['an indented command', 'Text:\n\n    make size\n', /a block that is not "sh"/],
  ['an open fence', `<!-- not run: it has no end -->\n${fence}sh\nmake\n`, /is not closed/],
  ['a marker above nothing', '<!-- run: test/e2e/x.test.ts -->\n\nText.\n', /a marker that is not/],
];

for (const [what, text, problem] of bad) {
  test(`finds ${what}`, () => {
    const problems = found(text);
    assert.is(problems.length, 1, problems.join('; '));
    assert.match(problems[0] ?? '', problem);
  });
}

test('reads the commands of a block, and their key words', () => {
  const [one] = parse(`${fence}sh\n# A comment.\nA=1 make x \\\n  B=2\n\nls\n${fence}\n`).blocks;
  assert.equal(one === undefined ? [] : commandsOf(one), ['A=1 make x    B=2', 'ls']);
  assert.equal(keyWordsOf('A=1 make x B=2'), ['x']);
  assert.equal(keyWordsOf('make'), ['make']);
  assert.equal(keyWordsOf('build/linux-x64/sota-agent why maps'), ['why']);
  assert.equal(keyWordsOf('/usr/bin/readelf -dV x'), ['readelf']);
  assert.equal(keyWordsOf('node test/run.mjs test/sim'), []);
});

test.run();
