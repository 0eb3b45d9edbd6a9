// Prints the matrix for readers: a line for each event, a column for each server and its dialect. A
// cell counts the nodes, out of five, with which the event passes. Letters refer to the reasons for
// absent cells.
import { events } from './events.ts';
import { absentRows, rows } from './rows.ts';
import type { Cell } from './cells.ts';
import type { Row } from './rows.ts';

const columnOf = ({ server, dialect }: Row) => `${server} ${dialect}`;
const columns = [...new Set(rows.map(columnOf))];

export function tableOf(cells: readonly Cell[], failed: ReadonlySet<Cell>): readonly string[] {
  const reasons = [
    ...new Set(events.flatMap(({ absent }) => rows.flatMap((row) => absent?.(row) ?? []))),
  ];
  const letterOf = (reason: string) => String.fromCharCode(97 + reasons.indexOf(reason));
  const lines = events.map((event) => {
    const entries = columns.map((column) => {
      const all = rows.filter((row) => columnOf(row) === column);
      const here = cells.filter((one) => one.event === event && columnOf(one.row) === column);
      const held = here.filter((one) => !failed.has(one)).length;
      const why = all.flatMap((row) => event.absent?.(row) ?? []).map(letterOf);
      const share = held === here.length ? `${held}` : `${held} of ${here.length}`;
      return [held === 0 && here.length === 0 ? '-' : share, ...new Set(why)].join(' ');
    });
    return lineOf([event.name, ...entries]);
  });
  return [
    lineOf(['', ...columns]),
    lineOf(['', ...columns].map(() => '---')),
    ...lines,
    '',
    ...reasons.map((reason) => `- ${letterOf(reason)}: ${reason}`),
    ...absentRows.map(([what, why]) => `- No ${what}: ${why}.`),
  ];
}

const lineOf = (entries: readonly string[]) => `| ${entries.join(' | ')} |`;
