// Tests that comments, messages and pages use plain technical English, as far as a pattern can
// check it. Each banned word has a replacement and a snippet that the pattern must find.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from './support/suite.ts';

type Word = readonly [banned: string, instead: string, snippet: string];

/** Nouns for all actors except people. */
const machine =
  '(?:agents?|nodes?|servers?|installers?|kernel|daemon|prox(?:y|ies)|peers?|devices?|journal|' +
  'backends?|releases?|librar(?:y|ies)|OpenSSL|SWUpdate|RAUC|opkg|systemd)';

/** A space in a pattern also matches a line end. */
const words: readonly Word[] = [
  ['anew', 'again', 'the agent sends it anew'],
  ['for ever|forever', 'without a limit', 'the server waits for ever'],
  ['of (?:ours|theirs|yours|mine)', 'the name of the owner', 'a promise of ours'],
  ['mend(?:s|ed|ing)?', 'fix', 'the log names the mend'],
  [
    '(?<!lea(?:ve|ves|ving) |left )' +
      'behind(?! (?:an?|the|one) (?:[\\w-]+ ){0,2}(?:proxy|NAT|firewall|gateway|relay))',
    'after, next to',
    'behind the name is the version',
  ],
  ['beside', 'next to', 'a file beside the journal'],
  ['spel(?:t|led|ls?)', 'write, format', 'as the node spells it'],
  ['utter(?:s|ed)?', 'send', 'what the agent utters'],
  ['unsaid|unheard|unspoken', 'not sent, not received', 'the report is unsaid'],
  ['speakers?', 'sender', 'the speaker of the agent'],
  ['learnt', 'learned', 'what was learnt'],
  ['whoever|whomever', 'the agent, the server, a user', 'whoever sends it'],
  ['nobody', 'no user, no process', 'nobody reads it'],
  ['hearsay|hears? (?:of|from|nothing|that|about)', 'receives', 'the server hears of it'],
  ['(?:is|are|was|were|been|being) told', 'gets, receives', 'the node was told the address'],
  [`${machine} (?:says?|said|tells?|told)`, 'reports, sends, logs', 'the server says\nso'],
  [`${machine} (?:speaks?|spoke|spoken)`, 'uses', 'a server speaks P2'],
  [`${machine} wants?`, 'needs, requests', 'the server wants the list'],
  [`(?:the|an?|this|some) ${machine} asks?`, 'requests', 'the server asks for the list'],
  [`${machine} (?:knows?|knew|thinks?|believes?)`, 'has, uses', 'the node knows the address'],
  ['(?:it|one|which|who) (?:says|tells|asks|speaks|wants)', 'the noun and its verb', 'it says so'],
  ['we|our|ours', 'the agent, this device', 'our certificate has expired'],
  ['in silence|in vain|without a word', 'without a message', 'it is lost in silence'],
  ['power cuts?', 'power loss', 'any power cut'],
  ['(?:an?|the|each|every|any|this|that|no) cut', 'power loss, interruption', 'after a cut'],
  ['(?:is|are|was|were|been|gets?) cut(?! (?:to|down|into))', 'is interrupted', 'the run was cut'],
  ['rotten|rotted', 'corrupt', 'a rotten chunk'],
  ['strays?', 'unexpected', 'chunks that are strays'],
  ['owe(?:d|s)?|owing', 'due', 'a report is owed'],
  ['(?:go|goes|going|went) on', 'continue', 'the transfer goes on'],
  ['st(?:and|ands|ood)(?! for)', 'is', 'the value stands in the file'],
  ['no longer', 'not', 'it is no longer there'],
  ['lies? in|lay in', 'is in', 'the file lies in a folder'],
  ['today|nowadays', 'the present tense', 'what servers send today'],
  ['(?:^|[.:;]) (?:Is|Are|Were) [^.?!:;]*, [^.?!:;]*[.]', 'if', 'Is it installed, it reports.'],
];

/** Places where a banned word is right: the path, the text around it, and the reason. */
const exceptions: readonly (readonly [path: RegExp, text: RegExp, why: string])[] = [];

type Piece = { readonly line: number; readonly text: string };

/** Keeps line ends, so that a place in the result has the line number of the source. */
const blank = (text: string) => text.replace(/[^\n]/g, ' ');
const code = /(?<!`)`[^`\n]+`(?!`)/g;
const nameless = (text: string) => text.replace(/[^\n]/g, '_');
const withoutMarks = (text: string) =>
  text.replace(/^[ \t]*(?:\/\/|\/?\*+\/?|#|\.\\"|>)/gm, blank).replace(/\*\/$/, '  ');

/**
 * Returns comments, joined if they are neighbours, and strings with more than one word. Of tests,
 * only comments: their strings are inputs and expectations.
 */
function proseOfCode(text: string, isTest: boolean): readonly Piece[] {
  const parts = [
    /\/\/.*(?:\n[ \t]*\/\/.*)*|\/\*[^]*?\*\//,
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/,
  ];
  const part = new RegExp(parts.map(({ source }) => source).join('|'), 'g');
  return [...text.matchAll(part)].flatMap((found) => {
    const line = text.slice(0, found.index).split('\n').length;
    const [whole] = found;
    if (whole.startsWith('/')) return [{ line, text: withoutMarks(whole.replace(code, nameless)) }];
    if (isTest) return [];
    const inner = ` ${whole.slice(1, -1)} `.replace(/\$\{[^}]*\}/g, blank);
    return /\w \w/.test(inner) ? [{ line, text: inner }] : [];
  });
}

/** Text in backticks is a name. A fenced block is text that a user reads. */
function proseOf(path: string, text: string): readonly Piece[] {
  if (/\.(ts|mjs)$/.test(path)) return proseOfCode(text, path.startsWith('test/'));
  const prose = path.endsWith('.md') ? text.replace(code, nameless) : text;
  return [{ line: 1, text: ` ${withoutMarks(prose)}` }];
}

function find([banned]: Word, path: string, text: string): readonly string[] {
  const isSentence = banned.startsWith('(?:^');
  const anchored = isSentence ? banned : `(?<![\\w/-])(?:${banned})(?![\\w/-])`;
  const pattern = new RegExp(anchored.replace(/ /g, '\\s+'), isSentence ? 'g' : 'gi');
  return proseOf(path, text).flatMap((piece) =>
    [...piece.text.matchAll(pattern)].flatMap(({ 0: found, index }) => {
      const around = piece.text.slice(Math.max(0, index - 60), index + found.length + 60);
      if (exceptions.some(([where, what]) => where.test(path) && what.test(around))) return [];
      const line = piece.line + piece.text.slice(0, index).split('\n').length - 1;
      return [`${path}:${line}: ${around.replace(/\s+/g, ' ').trim()}`];
    }),
  );
}

const inFolders = ['src', 'targets', 'docs', 'test'].flatMap((folder) =>
  readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name))),
);
/** The names on flash are the names of version 0.1.0. This file has what it looks for. */
const isExempt = (path: string) =>
  path.endsWith('flash-facts.ts') ||
  path === 'test/words.test.ts' ||
  (path.startsWith('test/') && !/\.(ts|mjs)$/.test(path));
const texts =
  /\.(ts|mjs|sh|md|toml|conf|service|procd|bb(class|append)?|inc|ya?ml|1)$|(^|\/)init\.d\/[\w-]+$/;
const paths = [...inFolders, 'README.md', 'CONTRIBUTING.md', 'SECURITY.md']
  .filter((path) => texts.test(path) && !isExempt(path))
  .sort();
const files = paths.map((path) => ({ path, text: readFileSync(path, 'utf8') }));

const test = suite('words');

test('finds the texts', () => {
  for (const path of [
    'src/limits.ts',
    'README.md',
    'targets/man/sota-agent.1',
    'docs/glossary.md',
  ]) {
    assert.ok(paths.includes(path), path);
  }
});

test('reads comments and messages, and no names', () => {
  const code = "// It's\n// fine.\nconst anew = mend('anew', `${anew} is sent`); /* anew */\n";
  assert.equal(find(['anew', '', ''], 'src/a.ts', code).length, 1);
  assert.equal(find(['anew', '', ''], 'docs/a.md', 'The field `anew`.\n').length, 0);
});

for (const word of words) {
  const [banned, instead, snippet] = word;
  test(`not '${banned}' but '${instead}'`, () => {
    assert.equal(
      files.flatMap(({ path, text }) => find(word, path, text)),
      [],
    );
  });
  test(`finds '${banned}'`, () => {
    const [first = '', second] = snippet.split('\n');
    const comment = second === undefined ? `// ${first}\n` : `// ${first}\n// ${second}\n`;
    assert.is(find(word, 'src/a.ts', comment).length, 1);
    assert.is(find(word, 'src/a.ts', `x('${snippet.replace('\n', ' ')}');\n`).length, 1);
    assert.is(find(word, 'docs/a.md', `${snippet}\n`).length, 1);
  });
}

test('each exception is needed', () => {
  for (const [where, what, why] of exceptions) {
    const isUsed = files.some(({ path, text }) => where.test(path) && what.test(text));
    assert.ok(isUsed, `not needed: ${what.source} (${why})`);
  }
});

test.run();
