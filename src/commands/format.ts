// Numbers, names and tables as readable text.
import { plain } from '../sanitize.ts';
import type { PackageId } from '../core/model.ts';

export const label = ({ name, version }: PackageId) => plain(`${name} ${version}`.trimEnd());

const steps = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'min', ms: 60_000 },
  { unit: 's', ms: 1_000 },
] as const;

/** Returns the two largest units, such as `2 h 5 min`. The minimum is one second. */
export function duration(ms: number): string {
  let leftMs = Math.max(1_000, Math.ceil(ms / 1_000) * 1_000);
  const parts: string[] = [];
  for (const step of steps) {
    const count = Math.floor(leftMs / step.ms);
    leftMs -= count * step.ms;
    if (count > 0) parts.push(`${count} ${step.unit}`);
    // Seconds are irrelevant next to days.
    if (parts.length === 2 || (parts.length === 1 && count === 0)) break;
  }
  return parts.join(' ');
}

export function soon(ms: number | undefined): string {
  if (ms === undefined) return '';
  return ms <= 0 ? ', now' : `, in ${duration(ms)}`;
}

const units = ['B', 'KiB', 'MiB', 'GiB'] as const;

export function bytes(count: number): string {
  const step = stepOf(count);
  return `${inUnits(count, step)} ${units[step] ?? ''}`;
}

/** Returns `0.6/2.5 MiB`: both numbers in the unit of the whole. */
export function portion(part: number, whole: number): string {
  return `${inUnits(part, stepOf(whole))}/${bytes(whole)}`;
}

function stepOf(count: number): number {
  return Math.max(
    0,
    units.findLastIndex((_, index) => count >= 1024 ** index),
  );
}

function inUnits(count: number, step: number): string {
  return step === 0 ? String(count) : (count / 1024 ** step).toFixed(1);
}

export const percent = (part: number, whole: number) =>
  whole === 0 ? 0 : Math.floor((100 * part) / whole);

/** Pads each column to its widest cell, except for the last column. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  return rows.map((row) => {
    const cells = row.map((cell, index) => cell.padEnd(widths[index] ?? 0));
    return cells.join('  ').trimEnd();
  });
}
