// The configuration in words: values as TOML, where they come from, and what is wrong with them.
import { isTable } from './readers.ts';
import { plain, quoted } from '../text.ts';
import { unreachable } from '../assert.ts';
import type { Complaint, Entry, Origin } from '../config.ts';

/** Column of the origins; longer values push theirs out. */
const originColumn = 44;

/** A TOML document again: it reads back to the same settings. */
export function showEntries(entries: readonly Entry[]): string {
  const lines: string[] = [];
  let open = '';
  for (const { key, value, origin } of entries) {
    const dot = key.lastIndexOf('.');
    const section = key.slice(0, dot);
    if (section !== open) lines.push('', `[${section}]`);
    open = section;
    const name = key.slice(dot + 1);
    const line = value === undefined ? `# ${name} is not set` : `${name} = ${toToml(value)}`;
    lines.push(`${line.padEnd(originColumn)} # ${originText(origin)}`);
  }
  return lines.slice(1).join('\n');
}

export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default';
    case 'file':
      return plain(origin.line === undefined ? origin.file : `${origin.file}:${origin.line}`);
    case 'environment':
      return origin.name === '' ? 'environment' : plain(`environment ${origin.name}`);
    default:
      return unreachable(origin);
  }
}

/** One line: where, what, and the mend. */
export function complaintText({ origin, key, problem, mend }: Complaint): string {
  return `${originText(origin)}: ${plain(`${key} ${problem}`.trim())}: ${plain(mend)}`;
}

export function toToml(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(toToml).join(', ')}]`;
  if (value instanceof Date) return value.toISOString();
  if (!isTable(value)) return plain(String(value));
  const pairs = Object.entries(value).map(([key, one]) => `${bare(key)} = ${toToml(one)}`);
  return `{ ${pairs.join(', ')} }`;
}

function bare(key: string): string {
  return /^[\w-]+$/.test(key) ? key : quoted(key);
}
