// Tests that the table of log codes is complete: the compiler rejects an unknown code or level, and
// the code uses each entry.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { logCodes } from '../../src/log-codes.ts';
import { assert, suite } from '../support/suite.ts';
import type { LevelOf, LogCode } from '../../src/log-codes.ts';

const test = suite('log codes');

type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

test('an unknown code or level does not compile', () => {
  const isKnown: 'no-such-code' extends LogCode ? true : false = false;
  const isOnlyInfo: Equal<LevelOf<'registered'>, 'info'> = true;
  const isBoth: Equal<LevelOf<'stopped'>, 'info' | 'warn'> = true;
  assert.equal([isKnown, isOnlyInfo, isBoth], [false, true, true]);
});

test('each code is logged somewhere', () => {
  const text = readdirSync('src', { recursive: true })
    .map((name) => join('src', String(name)))
    .filter((path) => path.endsWith('.ts') && path !== 'src/log-codes.ts')
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
  const unused = Object.keys(logCodes).filter((code) => !text.includes(`'${code}'`));
  assert.equal(unused, []);
});

test('a test waits only for codes that exist', () => {
  const unknown = readdirSync('test', { recursive: true })
    .map((name) => join('test', String(name)))
    // The script in the fixtures runs an agent of an older version.
    .filter((path) => path.endsWith('.ts') && !path.startsWith('test/fixtures/'))
    .flatMap((path) => {
      const waits = readFileSync(path, 'utf8').matchAll(/\.logged\(\/([^/]+)\//g);
      return [...waits].flatMap(([, pattern = '']) => {
        const word = /^ ?(?:(?:debug|info|warn|error) )?([a-z]+(?:-[a-z]+)+)(?![\w(-])/.exec(
          pattern,
        );
        return word?.[1] === undefined || word[1] in logCodes ? [] : [`${path}: ${word[1]}`];
      });
    });
  assert.equal(unknown, []);
});

test.run();
