// Tests the filter of names and versions that servers can read, at the limits of their grammar
// (protocol 2.1).
import { readable } from '../../../../../src/backends/rvi/codec/inventory-filter.ts';
import { assert, suite } from '../../../../support/suite.ts';

const test = suite('packages');
const id = (name: string, version = '1.2.3') => ({ name, version });

test('tells names that a server can hold, and no other, whatever is asked', () => {
  const good = ['a', 'libstdc++6', 'linux-image_5.10', 'x'.repeat(100)].map((name) => id(name));
  const bad = ['', 'a b', 'x'.repeat(101), 'größe', 'a:b', 'a~1', 'a\n'].map((name) => id(name));
  for (const list of ['all', 'strict'] as const) {
    assert.equal(readable([...bad, ...good], list), { reported: good, omitted: bad });
  }
});

test('tells versions of three numbers only, where it is strict', () => {
  const usual = ['1.2.3', '0.0.0', '10.20.30'].map((version) => id('a', version));
  const others = ['1.36', '1.36.1-r0', 'v1.2.3', '1.2.3.4', '1..2', '1.2.3\n', '١.٢.٣', ''].map(
    (version) => id('a', version),
  );
  assert.equal(readable([...others, ...usual], 'strict'), { reported: usual, omitted: others });
  assert.equal(readable([...others, ...usual], 'all').omitted, []);
});

test.run();
