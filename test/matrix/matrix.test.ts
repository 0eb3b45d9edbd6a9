// Tests the built agent with each combination of node, server and dialect that existed, through
// each event. Each cell is a test; the cells run in parallel because they mostly wait.
import { readFileSync } from 'node:fs';
import { assert, suite } from '../support/suite.ts';
import { startCells } from './cells.ts';
import { tableOf } from './table.ts';
import type { Cell } from './cells.ts';

const test = suite('the matrix');
const cells = startCells(() => true);
const failed = new Set<Cell>();

for (const cell of cells) {
  test(cell.name, async () => {
    const error = await cell.result;
    if (error === undefined) return;
    failed.add(cell);
    throw error;
  });
}

// A formatter may pad the cells of a table.
const tight = (line: string) => line.replaceAll(' ', '').replace(/-+/g, '-');

test('the page has its table as it is printed', () => {
  const table = tableOf(cells, failed);
  console.log(table.join('\n'));
  const page = readFileSync('docs/internals/testing.md', 'utf8').split('\n');
  assert.equal(
    table.filter((line) => !page.map(tight).includes(tight(line))),
    [],
  );
});

test.run();
