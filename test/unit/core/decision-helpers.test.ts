// Tests the keys of packages: two packages never have the same one.
import { keyOf } from '../../../src/core/decision-helpers.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('the key of a package');

test('is the same for equal names and versions only', () => {
  const parts = ['', ' ', '1', '1 ', ' 1', '11', '1 1', '2 1', 'a', '0 a', '1 a', 'é', '"', '\\"'];
  const ids = parts.flatMap((name) => parts.map((version) => ({ name, version })));
  assert.is(new Set(ids.map(keyOf)).size, ids.length);
  assert.is(keyOf({ name: 'a', version: '1' }), keyOf({ version: '1', name: 'a' }));
});

test.run();
