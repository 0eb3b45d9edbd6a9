// Method: the built agent with each node, server and dialect that met, through each event; all
// cells run at once, since they wait more than they work, and each is a test.
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

test('its table stands in its README as it is printed', () => {
  const table = tableOf(cells, failed);
  console.log(table.join('\n'));
  const readme = readFileSync('test/matrix/README.md', 'utf8').split('\n');
  assert.equal(
    table.filter((line) => !readme.includes(line)),
    [],
  );
});

test.run();
