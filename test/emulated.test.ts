// Tests the table of emulated tests against the files in the tree. This test does not check the
// test names in the table: an unknown name fails when the emulated run executes it.
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { assert, suite } from './support/suite.ts';

const test = suite('what runs emulated');

type Row = { readonly [key: string]: unknown; readonly because?: string };
const table: { readonly [name: string]: Row } = JSON.parse(
  readFileSync('test/emulated.json', 'utf8'),
);
const targets = ['linux-arm64', 'linux-armv7l'];
const isParts = (given: unknown) =>
  Array.isArray(given) && given.length > 0 && given.every((part) => typeof part === 'string');

test('each file of test/e2e runs for the ARM targets, or is left out by name', () => {
  const files = readdirSync('test/e2e').filter((name) => name.endsWith('.test.ts'));
  const names = files.map((name) => basename(name, '.test.ts'));
  assert.equal(Object.keys(table).sort(), names.sort());
});

test('what is left out of a file has its reason', () => {
  for (const [name, row] of Object.entries(table)) {
    const unknown = Object.keys(row).filter((key) => !/^(linux-\w+|env|because)$/.test(key));
    assert.equal(unknown, [], name);
    const isWhole = targets.every((target) => row[target] === 'all') && row['env'] === undefined;
    assert.is(isWhole, row.because === undefined, name);
    assert.ok(isWhole || (row.because ?? '').length > 10, name);
    for (const target of Object.keys(row).filter((key) => key.startsWith('linux'))) {
      assert.ok(targets.includes(target), `${name}: ${target}`);
      assert.ok(row[target] === 'all' || isParts(row[target]), `${name}: ${target}`);
    }
  }
});

test.run();
