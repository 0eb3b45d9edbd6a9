// Tests the ledger of faults against the tree: every test that a row names must exist.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { assert, suite } from './support/suite.ts';

const test = suite('the ledger of faults');

const files = readdirSync('test', { recursive: true }).map(String);
const names = new Set(files.map((file) => basename(file)));

const inTest = /\b(?:unit|integration|backend|e2e|property|sim|fuzz|yocto|targets)\/[\w./-]*\w/g;

/** Returns the rows of the table below the heading "Faults". */
function rowsOf(text: string): readonly string[] {
  const [, ledger = ''] = text.split('\n## Faults\n');
  const rows = ledger.split('\n').filter((line) => line.startsWith('| '));
  return rows.filter((row) => !row.startsWith('| fault '));
}

/** Returns the names in a row that do not exist in the tree. */
function missingIn(row: string): readonly string[] {
  const cells = row.split(' | ');
  const tests = cells.at(-1) ?? '';
  const paths = tests.match(inTest) ?? [];
  const alone = tests.match(/(?<![\w/-])[\w-]+\.test\.ts/g) ?? [];
  const isThere = (path: string) =>
    ['', '.ts', '.test.ts'].some((end) => existsSync(`test/${path}${end}`));
  const missing = [...paths.filter((p) => !isThere(p)), ...alone.filter((n) => !names.has(n))];
  return cells.length === 4 && paths.length + alone.length > 0 ? missing : [...missing, row];
}

test('each row has a fault, its kind, its siblings, and tests that are there', () => {
  const rows = rowsOf(readFileSync('docs/internals/faults.md', 'utf8'));
  assert.ok(rows.length > 40, `${rows.length} rows`);
  for (const row of rows) assert.equal(missingIn(row), [], row.slice(0, 60));
});

test('a row whose test is gone is found, and one without a test', () => {
  assert.equal(missingIn('| a | b | c | `unit/gone.test.ts` |'), ['unit/gone.test.ts']);
  assert.equal(missingIn('| a | b | c | `integration/host/lock.test.ts`, `gone.test.ts` |'), [
    'gone.test.ts',
  ]);
  assert.is(missingIn('| a | b | c | none |').length, 1);
});

test.run();
