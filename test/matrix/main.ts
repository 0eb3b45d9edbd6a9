// `make matrix`: runs every cell, or those whose name matches the pattern, and prints the table.
import process from 'node:process';
import { startCells } from './cells.ts';
import { tableOf } from './table.ts';
import type { Cell } from './cells.ts';

const secondsSince = (startedMs: number) => ((performance.now() - startedMs) / 1_000).toFixed(0);

async function main(): Promise<void> {
  const startedMs = performance.now();
  const pattern = new RegExp(process.argv[2] ?? '');
  const cells = startCells((name) => pattern.test(name));
  const failed = new Set<Cell>();
  const look = async (cell: Cell) => {
    const error = await cell.result;
    if (error === undefined) return;
    failed.add(cell);
    console.log(`FAIL ${cell.name}: ${error.message}`);
  };
  await Promise.all(cells.map(look));
  console.log(tableOf(cells, failed).join('\n'));
  console.log(`${cells.length} cells in ${secondsSince(startedMs)} s, ${failed.size} failed`);
  process.exitCode = failed.size === 0 && cells.length > 0 ? 0 : 1;
}

void main();
