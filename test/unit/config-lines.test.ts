// Tests the line number of each TOML key with small texts, and the suggestion of a similar key.
import { findLines } from '../../src/config/toml-lines.ts';
import { editDistance, suggest } from '../../src/config/suggest.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('config lines and words');

test('finds keys under headers, dotted, quoted and in inline tables', () => {
  const lineOf = findLines(
    [
      '# url = "in a comment"',
      'log.level = "info"',
      '[rvi] # url = ',
      ' url = "http://h"',
      '"stall" = 3',
      '[ installer . opkg ]',
      "'args' = [",
      '  "program = 1",',
      ']',
      'program = "x"',
      '[control]',
      'socket = "/s"\r',
    ].join('\n'),
  );
  const found = [
    'log.level',
    'log',
    'rvi',
    'rvi.url',
    'rvi.stall',
    'installer',
    'installer.opkg.args',
    'installer.opkg.program',
    'control.socket',
    'rvi.url.deeper',
    'nowhere',
  ].map((key) => lineOf(key.split('.')));
  assert.equal(found, [2, 2, 3, 4, 5, 6, 7, 10, 12, 4, 1]);
});

test('counts insertions, deletions, replacements and swaps', () => {
  const pairs: readonly (readonly [string, string, number])[] = [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['stall', 'stall', 0],
    ['stal', 'stall', 1],
    ['satll', 'stall', 1],
    ['stael', 'stall', 1],
    ['kitten', 'sitting', 3],
  ];
  for (const [a, b, distance] of pairs) assert.is(editDistance(a, b), distance);
});

test('names a near word, and none rather than a far one', () => {
  const known = ['run', 'status', 'watch', 'accept'];
  assert.is(suggest('staus', known), 'status');
  assert.is(suggest('acept', known), 'accept');
  assert.is(suggest('rm', known), undefined);
  assert.is(suggest('frobnicate', known), undefined);
  assert.is(suggest('x'.repeat(100_000), known), undefined);
  assert.is(suggest('run', []), undefined);
});

test.run();
