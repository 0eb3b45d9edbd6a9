// Tests the citations in the code and the links in the pages, over the tree and over snippets that
// break a rule. A citation such as "protocol 2.4" must lead to the heading with that number in
// docs/internals/protocol.md. A relative link must lead to a file, and its anchor to a heading of
// that file.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert, suite } from '../support/suite.ts';

type File = { readonly path: string; readonly text: string };
type Rule = {
  readonly name: string;
  readonly complain: (files: readonly File[]) => readonly string[];
  /** Each file must cause exactly one complaint. */
  readonly bad: readonly File[];
};

const isPage = ({ path }: File) => path.endsWith('.md');

/** The words that cite a page, and the page that each word cites. */
const pages: { readonly [word: string]: string } = {
  protocol: 'docs/internals/protocol.md',
  installers: 'docs/internals/installers.md',
};

/** Returns the text with each comment on one line, because a citation may span two lines. */
function unwrapped({ path, text }: File): string {
  return text.replace(path.endsWith('.md') ? /\n(?=\S)/g : /\n\s*(?:\/\/|\*|#) ?/g, ' ');
}

const number = String.raw`\d+(?:\.\d+)*`;
const numbers = `${number}(?:(?:, | and | to )${number})*`;
const words = Object.keys(pages).join('|');
const place = `, (?:(?:item|row) \\d+|"[^"]+")`;
const citation = new RegExp(`(?<![\\w-])(${words}) (${numbers})(${place})?(?![\\w%])`, 'g');

type Citation = { readonly page: string; readonly section: string; readonly place: string };

/** Returns each cited section and the place in it: `item 4`, `row 2` of a table, or a label. */
function citationsOf(file: File): readonly Citation[] {
  return [...unwrapped(file).matchAll(citation)].flatMap(([, word = '', listed = '', at = '']) =>
    listed
      .split(/, | and | to /)
      .map((section) => ({ page: pages[word] ?? '', section, place: at.slice(2) })),
  );
}

/** Returns the start of the line to which a place leads; a label is in bold. */
function markOf(place: string): string {
  const [kind = '', count = ''] = place.split(' ');
  if (kind === 'item') return `${count}. `;
  return kind === 'row' ? `| ${count} |` : `**${place.slice(1, -1)}`;
}

/** Returns the lines outside fenced blocks; a block has no headings and no links. */
function linesOf(text: string): readonly string[] {
  let fence: string | undefined;
  return text.split('\n').map((line) => {
    const mark = /^ *(```+|~~~+)/.exec(line)?.[1];
    if (fence === undefined && mark === undefined) return line;
    if (fence === undefined) fence = mark;
    else if (mark?.startsWith(fence) === true) fence = undefined;
    return '';
  });
}

/** Returns the headings of a page without their marks. */
function headingsOf(text: string): readonly string[] {
  return linesOf(text).flatMap((line) => /^#{1,6} +(.*?)[ #]*$/.exec(line)?.[1] ?? []);
}

/** Returns the lines of the section with this number, or undefined if the page has none. */
function sectionOf(text: string, section: string): readonly string[] | undefined {
  const lines = linesOf(text);
  const escaped = section.replaceAll('.', String.raw`\.`);
  const start = lines.findIndex((line) => new RegExp(`^#{1,6} ${escaped}(?: |$)`).test(line));
  if (start === -1) return undefined;
  const level = lines[start]?.indexOf(' ') ?? 0;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => new RegExp(`^#{1,${level}} `).test(line));
  return end === -1 ? rest : rest.slice(0, end);
}

/** Returns the anchors that GitHub makes from the headings, and the anchors written as HTML. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const heading of headingsOf(text)) {
    const plain = heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  for (const [, id = ''] of text.matchAll(/<[^>]+ (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

/** Returns the targets of all links of a page: inline, by reference, and in HTML. */
function linksOf(text: string): readonly string[] {
  const prose = linesOf(text)
    .filter((line) => !/^ {4,}(?![-*\d ])/.test(line))
    .join('\n')
    .replace(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, '`');
  const forms = [
    /\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g,
    /^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)/gm,
    /<(?:a|img)\b[^>]*\b(?:href|src)="([^"]+)"/g,
  ];
  return forms.flatMap((form) => [...prose.matchAll(form)].map(([, target = '']) => target));
}

const isElsewhere = (target: string) => /^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target);

function textOf(files: readonly File[], path: string): string | undefined {
  const given = files.find((file) => file.path === path);
  return given?.text ?? (existsSync(path) ? readFileSync(path, 'utf8') : undefined);
}

function wrongCitations(files: readonly File[]): readonly string[] {
  return files.flatMap((file) =>
    citationsOf(file).flatMap(({ page, section, place }) => {
      const lines = sectionOf(textOf(files, page) ?? '', section);
      if (lines === undefined) return [`${file.path} cites ${page}, section ${section}: none`];
      const mark = markOf(place);
      if (place === '' || lines.some((line) => line.replace(/^- /, '').startsWith(mark))) return [];
      return [`${file.path} cites ${page}, section ${section}, ${place}: not in that section`];
    }),
  );
}

/** Returns a complaint for each page that a comment names and that does not exist. */
function unknownPages(files: readonly File[]): readonly string[] {
  const named = /(?<![\w./:*<>${-])((?:\.{0,2}\/)?[\w-]+(?:\/[\w.-]+)*\.md)\b/g;
  const isComment = (line: string) => /^\s*(?:\/\/|\/?\*|#)/.test(line);
  return files
    .filter((file) => !isPage(file))
    .flatMap(({ path, text }) =>
      [...text.split('\n').filter(isComment).join('\n').matchAll(named)].flatMap(([, name = '']) =>
        [name, join(dirname(path), name)].some((one) => existsSync(one))
          ? []
          : [`${path} names ${name}, which does not exist`],
      ),
    );
}

/** Finds `(word, "Heading")`, a number after a word that cites no page, and a numbered promise. */
function otherCitations(files: readonly File[]): readonly string[] {
  const forms = [
    /\([a-z]+, "[A-Z][^"]*"\)/g,
    /(?<![\w-])(?:design|targets|yocto|faults|signing|peers|style) \d[\d.]*(?=[,;:)]|\s*$)/gm,
    /\(P(?:[4-9]|10)\)/g,
  ];
  return files
    .filter((file) => !isPage(file))
    .flatMap((file) =>
      forms.flatMap((form) =>
        [...unwrapped(file).matchAll(form)].map(([text]) => `${file.path} cites ${text}`),
      ),
    );
}

function wrongLinks(files: readonly File[]): readonly string[] {
  return files.filter(isPage).flatMap((file) =>
    linksOf(file.text).flatMap((link) => {
      if (isElsewhere(link)) return [];
      const [target = '', anchor] = decodeURI(link).split('#');
      const path = target === '' ? file.path : join(dirname(file.path), target);
      const text = path.endsWith('.md') ? textOf(files, path) : undefined;
      if (text === undefined && (path.endsWith('.md') || !existsSync(path))) {
        return [`${file.path} links to ${link}: no such file`];
      }
      if (anchor === undefined || (text !== undefined && anchorsOf(text).has(anchor))) return [];
      return [`${file.path} links to ${link}: no such heading`];
    }),
  );
}

const page = (text: string): File => ({ path: 'docs/x.md', text });
const code = (text: string): File => ({ path: 'src/x.ts', text });

const rules: readonly Rule[] = [
  {
    name: 'a citation leads to a section of its page',
    complain: wrongCitations,
    bad: [
      code('// A chunk has 64 KiB (protocol 2.44).'),
      code('/** A node closes it (protocol 1.1, 1.66). */'),
      code('// Each form of the messages (protocol 2.1 to 2.9).'),
      code('// Wrapped between word and number (protocol\n// 9.2).'),
      code('/**\n * Wrapped in a block (protocol\n * 9.2).\n */'),
      code("const reason = 'a surrogate escape (protocol 1.7, item 9)';"),
      code('// A server sends it five times (protocol 2.4, "Ack limit").'),
      code('// Otherwise the server ignores it (protocol 2.4, row 12).'),
      code('// Exit codes are hints (installers 7).'),
      page('S-A sends no abort (protocol 2.1,\n2.9)'),
    ],
  },
  {
    name: 'a page that a comment names exists',
    complain: unknownPages,
    bad: [code('// See journeys.md, B3.'), code('// docs/integrate/nothing.md has the table.')],
  },
  {
    name: 'a comment cites no other collection of facts',
    complain: otherCitations,
    bad: [
      code('// A probe decides (design, "Installing").'),
      code('// The executable needs glibc (targets 1).'),
      code('// An attempt is on flash first (P4).'),
    ],
  },
  {
    name: 'a relative link leads to a file and to a heading',
    complain: wrongLinks,
    bad: [
      page('[a](nothing.md)'),
      page('[a](../src/nothing.ts)'),
      page('[a](internals/protocol.md#24-nothing)'),
      page('[a](internals/protocol.md#24-the-transfer) [b](#nothing)\n\n# Something'),
      page('[a](../src/main.ts#main)'),
      page('[a]\n\n[a]: nothing.md'),
      page('<a href="nothing.md">a</a>'),
      page('```\n# Fenced\n```\n[a](#fenced)'),
    ],
  },
];

const ignored = new Set(['node_modules', 'build', '.git']);
const kinds = /\.(?:md|ts|mjs|json|sh|bb|inc|conf|service|toml|1|procd)$|^[A-Z]\w*$|^sota-agent$/;

function walk(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (ignored.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return walk(path);
    return entry.isFile() && kinds.test(entry.name) ? [path] : [];
  });
}

/** Matches files that the test does not read. The snippets of this file are wrong on purpose. */
const isLeftOut =
  /^(?:package-lock\.json|test\/docs\/citations\.test\.ts|test\/fixtures\/(?!.*\.md$))/;
const tree = walk('.')
  .filter((path) => !isLeftOut.test(path))
  .map((path): File => ({ path, text: readFileSync(path, 'utf8') }));

const test = suite('citations');

test('finds the citations and the links of the tree', () => {
  const cited = tree.flatMap(citationsOf);
  const linked = tree.filter(isPage).flatMap(({ text }) => linksOf(text));
  assert.ok(cited.length > 150, `${cited.length} citations`);
  assert.ok(linked.length > 50, `${linked.length} links`);
});

test('accepts citations and links that lead somewhere', () => {
  const good = [
    code('// 22 connections were seen (protocol 1.6); protocol 1.1, 1.2 and 2.1 to 2.3.'),
    code("const reason = 'a surrogate escape (protocol 1.7, item 4)';"),
    code('// Below a heading within the section (protocol 1.6, "The response has no effect").'),
    code('// See protocol 2.4, "Ack timeout"; protocol 2.4, row 3; protocol 2.1, "Dependencies".'),
    code('// http://example.org/nothing.md; an installers-2 of others; protocol 2.4 (P1).\n'),
    page('# A & B: `c`\n\n# A & B: `c`\n\n[a](#a--b-c-1) `[b](nothing.md)` [c](internals/)'),
    page('[a](https://example.org/x#y) [b](<internals/protocol.md#24-the-transfer>)'),
    page('Code:\n\n    [a](nothing.md)\n\n```\n[a](nothing.md)\n```\n'),
  ];
  assert.equal(
    rules.flatMap(({ complain }) => good.flatMap((file) => complain([file]))),
    [],
  );
});

for (const { name, complain, bad } of rules) {
  test(name, () => assert.equal(complain(tree), []));
  for (const [at, file] of bad.entries()) {
    test(`${name}: finds snippet ${at + 1}`, () => {
      assert.is(complain([file]).length, 1);
    });
  }
}

test.run();
