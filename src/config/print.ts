// The configuration as text: values as TOML, their origins, and the errors.
import { toToml } from './toml.ts';
import { plain } from '../sanitize.ts';
import { unreachable } from '../assert.ts';
import type { ConfigError, Entry, Origin } from '../config.ts';

/** Column of the origins; after a longer value, the origin starts later. */
const originColumn = 44;

/** Returns a TOML document that reads back to the same settings. */
export function printEntries(entries: readonly Entry[]): string {
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

/** Returns one line: the origin, the problem, and the hint. */
export function configErrorText({ origin, key, problem, hint }: ConfigError): string {
  return `${originText(origin)}: ${plain(`${key} ${problem}`.trim())}: ${plain(hint)}`;
}
