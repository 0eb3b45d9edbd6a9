// A Markdown parser for the tests of the pages: fenced blocks with the comment above each block.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export type Block = {
  /** The line number of the opening fence; the first line is 1. */
  readonly line: number;
  /** The first word after the fence, or '' if there is none; `indented` if there is no fence. */
  readonly language: string;
  readonly text: string;
  /** The text of the HTML comment directly above the block; undefined if there is none. */
  readonly marker: string | undefined;
};

export type Parsed = {
  readonly blocks: readonly Block[];
  /** Everything outside fenced blocks; lines keep their numbers. */
  readonly prose: string;
  /** Errors in the page, such as a fence that is not closed. */
  readonly problems: readonly string[];
};

const unmarked = { language: 'indented', marker: undefined } as const;
const comment = /^\s*<!-- (.*?) -->\s*$/;

/** Returns the paths of all pages of the tree except the changelog, sorted. */
export function pagesOfTree(): readonly string[] {
  const below = (folder: string) =>
    readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)));
  const all = [...readdirSync('.'), ...['docs', 'src', 'test', 'targets'].flatMap(below)];
  return all.filter((path) => path.endsWith('.md') && path !== 'CHANGELOG.md').sort();
}

export function parse(text: string): Parsed {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  const prose: string[] = [];
  const problems: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const [, indent = '', fence, language = ''] = /^( *)(`{3,}|~{3,})\s*(\S*)/.exec(line) ?? [];
    if (fence === undefined) {
      if (isIndentedCode(lines, at)) {
        const length = lines.slice(at).findIndex((later) => !later.startsWith('    '));
        const inside = lines.slice(at, at + length).map((one) => one.slice(4));
        blocks.push({ ...unmarked, line: at + 1, text: inside.join('\n') });
      }
      prose.push(line);
      continue;
    }
    const length = lines.slice(at + 1).findIndex((later) => later.trim() === fence);
    if (length < 0) problems.push(`line ${at + 1}: a fence that is not closed`);
    const end = length < 0 ? lines.length : at + 1 + length;
    const inside = lines.slice(at + 1, end).map((one) => one.slice(indent.length));
    const marker = comment.exec(lines[at - 1] ?? '')?.[1];
    blocks.push({ line: at + 1, language, text: inside.join('\n'), marker });
    prose.push(...lines.slice(at, end + 1).map(() => ''));
    at = end;
  }
  return { blocks, prose: prose.join('\n'), problems };
}

/** Returns whether the line has four spaces, follows an empty line and is outside a list. */
function isIndentedCode(lines: readonly string[], at: number): boolean {
  if (!/^ {4}\S/.test(lines[at] ?? '') || lines[at - 1] !== '') return false;
  const before = lines.slice(0, at).findLast((line) => /^\S/.test(line)) ?? '';
  return !/^([-*]|\d+\.) /.test(before);
}
