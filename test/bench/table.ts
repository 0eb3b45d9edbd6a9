// Prints the result of a part: its figures as a table, and each aim next to its figure.
import type { Finding, Part, Result, Table } from './part.ts';

export function show({ name, about }: Part, { table, findings }: Result): string {
  return [`\n${name}: ${about}\n`, align(table), ...findings.map(showFinding)].join('\n');
}

export const isMet = ({ value, aim }: Finding) => value <= aim;

export function showFinding(finding: Finding): string {
  const { what, value, aim, digits } = finding;
  return `${isMet(finding) ? 'met   ' : 'missed'}  ${what}: ${value.toFixed(digits)}, aim ${aim}`;
}

function align(rows: Table): string {
  const width = (at: number) => Math.max(...rows.map((row) => row[at]?.length ?? 0));
  const widths = (rows[0] ?? []).map((_, at) => width(at));
  const cell = (text: string, at: number) =>
    at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0);
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}
