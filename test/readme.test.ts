// Method: compares what the pages list with the code, both ways: keys, variables, commands, exit
// codes, make targets, limits, and every code that an operator may look up.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from '../src/commands/cli.ts';
import { exitCodes } from '../src/commands/ports.ts';
import { knownKeys, readSettings, variableOf } from '../src/config.ts';
import { toToml } from '../src/config/toml.ts';
import * as limits from '../src/limits.ts';
import { errorCodes } from '../src/backends/rvi/codec/jsonrpc.ts';
import { environment } from '../src/install/environment.ts';
import { pagesOfTree, parse } from './docs/markdown.ts';
import { assert, suite } from './support/suite.ts';

const test = suite('the tables of the pages');
const read = (path: string) => readFileSync(path, 'utf8');
const tables = read('docs/reference/README-tables.md');
const commandsPage = read('docs/operate/commands.md');
const contributing = read('CONTRIBUTING.md');
const security = read('SECURITY.md');

type Row = readonly string[];

/** The rows of the tables whose first column has this head; the first cell without its quotes. */
function rowsUnder(head: string, text = tables): readonly Row[] {
  const blocks = text.split(/\n\n/).filter((block) => block.startsWith(`| ${head} |`));
  return blocks.flatMap((table) =>
    table
      .trim()
      .split('\n')
      .slice(2)
      .map((line) => line.split(/ ?(?<!\\)\| ?/).slice(1, -1))
      .map(([first = '', ...rest]) => [first.replaceAll('`', ''), ...rest]),
  );
}

const firsts = (rows: readonly Row[]) => rows.map(([first = '']) => first);

/** Only what differs is shown, or nobody finds it in a long list. */
function assertSame(listed: readonly string[], known: readonly string[]): void {
  const missing = known.filter((one) => !listed.includes(one));
  const unknown = listed.filter((one) => !known.includes(one));
  const twice = listed.filter((one, at) => listed.indexOf(one) !== at);
  const found = { missing: [...new Set(missing)], unknown, twice };
  assert.equal(found, { missing: [], unknown: [], twice: [] });
}

const section = (title: string) =>
  tables.split(/\n##+ /).find((part) => part.startsWith(`${title}\n`)) ?? '';

test('lists every key of the configuration, in order, with its default', () => {
  const configuration = readSettings({ file: '', text: undefined, environment: {} });
  if (!configuration.ok) throw new Error('the defaults are refused');
  const known = configuration.entries.map(({ key, value }) =>
    value === undefined ? `${key} not set` : `${key} \`${toToml(value)}\``,
  );
  const listed = rowsUnder('key').map(([key = '', value = '']) => `${key} ${value}`);
  assertSame(listed, known);
  assert.equal(listed, known);
});

test('spells the variable of a key as it is read', () => {
  const named = tables.match(/`SOTA_AGENT_[A-Z_]+(?==|`)/g) ?? [];
  const known = knownKeys().map(variableOf);
  const notKeys = ['SOTA_AGENT_', 'SOTA_AGENT_CACHE'];
  assert.ok(named.length > 1);
  for (const name of named) {
    assert.ok([...known, ...notKeys].includes(name.slice(1)), `${name} is of no key`);
  }
});

/** The page has the name that the command will have; the former one is an alias. */
const renamed = new Map([['packages', 'inventory']]);

test('lists every command, and no other', () => {
  const rows = rowsUnder('command', commandsPage);
  const listed = firsts(rows).filter((name) => name.startsWith('sota-agent '));
  const known = [...commands].map(([name, { words, takesJson }]) => {
    const spelt = words.map((word) => (word.isNeeded ? word.name : `[${word.name}]`));
    return [
      'sota-agent',
      renamed.get(name) ?? name,
      ...spelt,
      ...(takesJson ? ['[--json]'] : []),
    ].join(' ');
  });
  const others = ['sota-agent version', 'sota-agent help [COMMAND]'];
  assertSame(listed, [...new Set([...known, ...others])]);
});

test('lists the exit codes', () => {
  assert.equal(firsts(rowsUnder('exit code')), Object.values(exitCodes).map(String));
});

test('lists the targets of the Makefile', () => {
  const makefile = readFileSync('Makefile', 'utf8');
  const targets = [...makefile.matchAll(/^([a-z0-9%-]+):.*## /gm)].map(([, name = '']) =>
    ['make', name.replace('%', 'NAME')].join(' '),
  );
  const listed = firsts(rowsUnder('command', contributing)).filter((name) => /^make /.test(name));
  assertSame(listed, targets);
});

test('names the Debian packages that are installed', () => {
  const makefile = readFileSync('Makefile', 'utf8');
  const packages = [...makefile.matchAll(/[ \t][a-z][\w.-]*=([a-z][a-z0-9-]+)(?=[ \n])/g)];
  assert.ok(packages.length > 5);
  for (const [, name = ''] of packages) assert.ok(contributing.includes(name), name);
});

const makesOf = (text: string) => [...text.matchAll(/^make ([a-z0-9-]+)/gm)];

test('names no target of make that is not there', () => {
  const makefile = readFileSync('Makefile', 'utf8');
  const known = [...makefile.matchAll(/^([a-z0-9%-]+):/gm)].map(([, name = '']) => name);
  for (const page of pagesOfTree()) {
    const { blocks, prose } = parse(read(page));
    const typed = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
    const named = [...prose.matchAll(/`make ([a-z0-9-]+)/g), ...typed.flatMap(makesOf)];
    for (const [, name = ''] of named) {
      assert.ok(known.includes(name.replace(/^target-.*/, 'target-%')), `${page}: make ${name}`);
    }
  }
});

test('tells the limits as they are', () => {
  const defended = rowsUnder('limit', security);
  const rows = [...rowsUnder('limit'), ...defended];
  assert.ok(rows.length - defended.length > 10 && defended.length > 10);
  const known = new Map<string, number>(Object.entries(limits));
  for (const [name = '', value = ''] of rows) {
    assert.is(Number(value.replaceAll(' ', '')), known.get(name), name);
  }
});

test('tells what programs are given', () => {
  const rows = rowsUnder('variable', read('docs/integrate/installers.md')).filter(
    ([, , given]) => given === 'all',
  );
  const told = rows.map(([name, value = '']) => [name, value.replaceAll('`', '')]);
  assert.equal(told, Object.entries(environment));
});

test('tells the error codes of JSON-RPC', () => {
  for (const code of Object.values(errorCodes)) {
    assert.match(section('The log'), new RegExp(`\\${code} `), `${code}`);
  }
});

// ---------------------------------------------------------------- codes

const sources = readdirSync('src', { recursive: true })
  .map((name) => join('src', String(name)))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));

const levels = ['debug', 'info', 'warn', 'error'];

/** The words in the arguments of `log(`, `refuse(` and `failed(`, before the fields. */
function codesOf(text: string): readonly string[] {
  const call = /\b(?:log|refuse|failed)\(((?:[^{)]|\(\))*)/g;
  return [...text.matchAll(call)].flatMap(([, args = '']) =>
    [...args.matchAll(/'([a-z]+(?:-[a-z]+)*)'/g)]
      .map(([, word = '']) => word)
      .filter((word) => !levels.includes(word)),
  );
}

/** Where a code is computed, the places that it may come from. */
const computed: readonly (readonly [path: string, pattern: RegExp])[] = [
  ['src/core/on-chunk.ts', /return (?:sizeBytes .*|fits .*)?'([a-z-]+)';/g],
  ['src/backends/rvi/receiver.ts', /'(services-[a-z]+)'/g],
];

function logCodes(): readonly string[] {
  const plain = sources.flatMap(({ text }) => codesOf(text));
  const others = computed.flatMap(([path, pattern]) => {
    const text = sources.find((one) => one.path === path)?.text ?? '';
    const found = [...text.matchAll(pattern)].map(([, code = '']) => code);
    assert.ok(found.length > 0, `${path} has no ${String(pattern)}`);
    return found;
  });
  return [...plain, ...others];
}

const rowsOfCodes = () =>
  section('The log')
    .split(/\n\n(?=\|)/)
    .slice(1);

test('finds the codes in calls of every form', () => {
  assert.equal(codesOf(`log('info', 'one-two', { a: 'x' })`), ['one-two']);
  assert.equal(codesOf(`log(a === 1 ? 'warn' : 'debug', 'one', { ...id })`), ['one']);
  assert.equal(codesOf(`log(a ? 'info' : 'error', a ? 'one' : 'two', {\n  b,`), ['one', 'two']);
  assert.equal(codesOf(`refuse('one', { ...id }); failed(log, 'two', reason)`), ['one', 'two']);
  assert.equal(codesOf(`refuse(incoming.id, errorCodes.method, 'not offered here')`), []);
});

test('lists every code of the log with its meaning, and no other', () => {
  const [log = ''] = rowsOfCodes();
  const rows = rowsUnder('code', log);
  assertSame(firsts(rows), logCodes());
  for (const [code, level = '', meaning = ''] of rows) {
    assert.ok(levels.includes(level) && meaning.length > 5, `${code} has no meaning`);
  }
});

test('lists the codes of failed updates that the agent gives, and no other', () => {
  const [, failures = ''] = rowsOfCodes();
  const text = readFileSync('src/core/model.ts', 'utf8');
  const union = /type ReportCode =\n((?: {2}\| '[a-z-]+'\n?)+)/.exec(text)?.[1] ?? '';
  const known = [...union.matchAll(/'([a-z-]+)'/g)].map(([, code = '']) => code);
  // Those of the type that stand elsewhere, too: the others are only there for their number.
  const isUsed = (code: string) =>
    sources.some(({ path, text: other }) => !/model\.ts$/.test(path) && giving(code).test(other));
  const given = known.filter((code) => code !== 'ok' && isUsed(code));
  assertSame(firsts(rowsUnder('code', failures)), given);
});

const giving = (code: string) => new RegExp(`\\bcode(?:: | = .*)'${code}'`);

test('lists the codes with which the daemon refuses a command, and no other', () => {
  const [, , refusals = ''] = rowsOfCodes();
  const texts = sources.filter(({ path }) => /^src\/(control\/|agent\/daemon)/.test(path));
  const codes = texts.flatMap(({ text }) =>
    [...text.matchAll(/\bcode: '([a-z-]+)'/g)].map(([, code = '']) => code),
  );
  assertSame(firsts(rowsUnder('code', refusals)), codes);
});

test.run();
