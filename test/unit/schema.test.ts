// Tests each check of the schema with values that fit, and with values that almost fit.
import { inspect } from 'node:util';
import {
  count,
  flag,
  integer,
  isObject,
  list,
  member,
  number,
  object,
  oneOf,
  optional,
  text,
  within,
} from '../../src/schema.ts';
import { assert, suite } from '../support/suite.ts';
import type { Check } from '../../src/schema.ts';

const test = suite('checks of values of unknown shape');

const nested = object({ name: text, inner: object({ at: count }) });
const rows: readonly (readonly [
  what: string,
  check: Check<unknown>,
  good: readonly unknown[],
  bad: readonly unknown[],
])[] = [
  ['text', text, ['', 'a'], [1, null, undefined, ['a'], new String('a')]],
  ['flag', flag, [true, false], [0, 'true', null, undefined]],
  ['number', number, [0, -1.5, NaN], ['0', null, undefined, 1n]],
  ['integer', integer, [0, -7, 2 ** 53 - 1], [0.5, NaN, Infinity, 2 ** 53, '1', null]],
  ['count', count, [0, -0, 7], [-1, 0.5, NaN, '1', undefined]],
  ['within', within(1, 3), [1, 2, 3], [0, 4, 1.5, '1', NaN]],
  ['oneOf', oneOf('a', 'b'), ['a', 'b'], ['c', '', 'A', undefined, ['a']]],
  ['optional', optional(text), ['a', undefined], [null, 1]],
  ['list', list(count), [[], [1, 2]], [[1, -1], [undefined], {}, { length: 0 }, 'ab']],
  ['isObject', isObject, [{}, Object.create(null)], [[], null, new Date(), new Map(), 'a', 1]],
  [
    'object',
    nested,
    [
      { name: 'a', inner: { at: 0 } },
      { name: 'a', inner: { at: 0 }, more: 1 },
    ],
    [{}, { name: 'a' }, { name: 'a', inner: { at: -1 } }, { name: 'a', inner: [] }, []],
  ],
];

for (const [what, check, good, bad] of rows) {
  test(`${what} accepts what fits, and nothing else`, () => {
    for (const value of good) assert.is(check(value), true, inspect(value));
    for (const value of bad) assert.is(check(value), false, inspect(value));
  });
}

test('a member of the prototype is no member of the object', () => {
  assert.is(member({}, 'constructor'), undefined);
  assert.is(member({ constructor: 1 }, 'constructor'), 1);
  assert.is(member(JSON.parse('{"__proto__":{"a":1}}'), 'a'), undefined);
  assert.is(object({ constructor: optional(text) })({}), true);
});

test.run();
