// The parts of a generated page: tables, and links to the pages that comments name.
import { readFileSync } from 'node:fs';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

export const code = (text: string) => (text === '' ? '' : `\`${text}\``);

/** Formats 65_536 as 65 536. */
export const number = (text: string) => text.replaceAll('_', ' ');

/** Returns the comment of an entry, with links, and the part after "Fix:". */
export function split(comment: string): readonly [meaning: string, fix: string] {
  const [meaning = '', fix = ''] = linked(comment).split(/(?:^| )Fix: /);
  return [meaning, fix];
}

/** Turns the name of a page or of a protocol section into a link from docs/reference. */
export function linked(text: string): string {
  return text
    .replace(/\bprotocol (\d+\.\d+)\b/g, (found, section) => `[${found}](${anchorOf(section)})`)
    .replace(/\bdocs\/([\w/-]+)\.md/g, (_, path: string) => {
      const name = path.split('/').at(-1)?.replaceAll('-', ' ');
      return `[${name}](../${path}.md)`;
    });
}

const protocol = readFileSync('docs/internals/protocol.md', 'utf8');

/** Returns the anchor that GitHub makes from the heading. */
function anchorOf(section: string): string {
  const escaped = section.replaceAll('.', '\\.');
  const heading = new RegExp(`^#+ (${escaped} .*)$`, 'm').exec(protocol)?.[1];
  if (heading === undefined)
    throw new Error(`docs/internals/protocol.md has no section ${section}`);
  const slug = heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-');
  return `../internals/protocol.md#${slug}`;
}

const columns = 118;

/** Fills the lines of a paragraph; does not change a table, a heading or a block. */
export function wrapped(part: string): string {
  if (/^(?:\||#|```)/.test(part)) return part;
  const lines = [''];
  for (const word of part.split(/\s+/)) {
    const last = lines.at(-1) ?? '';
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}
