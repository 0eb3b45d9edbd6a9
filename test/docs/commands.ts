// The rule for commands in the pages: each block of commands names the test that runs it, or why no
// test does. The functions are pure: the caller passes the tree.
import { basename } from 'node:path';
import { parse } from './markdown.ts';
import type { Block } from './markdown.ts';

export type Tree = {
  readonly exists: (path: string) => boolean;
  /** Returns the text of a file that exists. */
  readonly read: (path: string) => string;
};

/** This test runs the blocks that name it; it does not have to contain their key words. */
export const runner = 'test/e2e/pages.test.ts';

const shells: ReadonlySet<string> = new Set(['sh', 'console', 'bash', 'shell']);
const reasonWordsMin = 4;

/** Returns the command lines of a block without comments and prompts; of a console, no output. */
export function commandsOf({ language, text }: Block): readonly string[] {
  const lines = text.replaceAll('\\\n', ' ').split('\n');
  const typed =
    language === 'console'
      ? lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2))
      : lines;
  return typed.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
}

/** Returns the words that a test must contain if it runs the command. */
export function keyWordsOf(command: string): readonly string[] {
  const words = command.split(/\s+/);
  const from = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const [program = '', ...args] = words.slice(Math.max(0, from));
  switch (basename(program)) {
    case 'sota-agent':
      return args.slice(0, 1);
    case 'make': {
      const targets = args.filter((word) => /^[a-z]/.test(word));
      return targets.length === 0 ? ['make'] : targets;
    }
    case 'node':
      // The command runs tests: `pathsOf` finds them.
      return [];
    default:
      return [basename(program)];
  }
}

/** Returns the paths of tests and scripts that the command names. */
function pathsOf(command: string): readonly string[] {
  return command.split(/\s+/).filter((word) => /^test\/[\w./-]+$/.test(word));
}

/** Returns the problems of the commands of a page, one sentence each. */
export function problemsOf(text: string, tree: Tree): readonly string[] {
  const { blocks, prose, problems } = parse(text);
  const markers = [...prose.matchAll(/^\s*<!-- (?:not )?run:/gm)].length;
  const marked = blocks.filter(({ marker }) => /^(not )?run:/.test(marker ?? '')).length;
  const stray = markers > marked ? ['a marker that is not directly above a block'] : [];
  return [...problems, ...stray, ...blocks.flatMap((block) => problemsOfBlock(block, tree))];
}

function problemsOfBlock(block: Block, tree: Tree): readonly string[] {
  const at = `line ${block.line}`;
  if (block.language === '') return [`${at}: the block names no language`];
  if (!shells.has(block.language)) {
    const isHidden = /^(\$ |make( [a-z-]+)?$|sota-agent [a-z]+|node test\/)/m.test(block.text);
    return isHidden ? [`${at}: a command in a block that is not "sh"`] : [];
  }
  const gone = commandsOf(block)
    .flatMap(pathsOf)
    .filter((path) => !tree.exists(path));
  if (gone.length > 0) return gone.map((path) => `${at}: there is no ${path}`);
  const reason = /^not run:(.*)$/.exec(block.marker ?? '')?.[1];
  if (reason !== undefined) {
    const words = reason
      .trim()
      .split(/\s+/)
      .filter((word) => word !== '');
    const isReason = words.length >= reasonWordsMin;
    return isReason ? [] : [`${at}: "not run" needs a reason of ${reasonWordsMin} words`];
  }
  const path = /^run: (\S+)$/.exec(block.marker ?? '')?.[1];
  if (path === undefined) return [`${at}: no marker "run: TEST" or "not run: REASON"`];
  const isTest = /^(test\/.*\.ts|\.ci\/run)$/.test(path) && tree.exists(path);
  if (!isTest) return [`${at}: ${path} is no test of the tree`];
  if (path === runner) return [];
  const source = tree.read(path);
  return commandsOf(block)
    .flatMap(keyWordsOf)
    .filter((word) => !hasWord(source, word))
    .map((word) => `${at}: ${path} does not contain "${word}"`);
}

function hasWord(source: string, word: string): boolean {
  const escaped = word.replace(/[^\w]/g, '\\$&');
  return new RegExp(`(?<![\\w-])${escaped}(?![\\w-])`).test(source);
}
