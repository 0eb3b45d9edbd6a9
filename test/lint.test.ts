// Tests what the linter of `make check` finds, and checks the rules that the linter cannot check.
// Biome runs once, with the configuration of this project, over snippets in a temporary folder.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { assert, suite } from './support/suite.ts';

const test = suite('the linter');

/** What the snippets use: promises as the code of src makes and receives them. */
const shared = `
export type Store = { readonly close: () => Promise<void>; sync(): Promise<number> };
export type Parts = { readonly store: Store; readonly send: (text: string) => Promise<void> };
export function createStore(): Store {
  async function close(): Promise<void> {
    await load();
  }
  return { close, sync: load };
}
/** Without a type: what it returns is inferred. */
export function createSender() {
  const stop = async () => {
    await load();
  };
  return { stop };
}
export async function load(): Promise<number> {
  return await Promise.resolve(1);
}
`;

const floating = 'noFloatingPromises';
const misused = 'noMisusedPromises';
const snippets: readonly (readonly [what: string, code: string, rule: string | undefined])[] = [
  ['a method of createX()', 'createStore().close();', floating],
  ['a method of createX() without a type', 'createSender().stop();', floating],
  ['a destructured method', 'const { close } = createStore();\nclose();', floating],
  ['a function in this function', 'const act = async () => load();\nact();', floating],
  ['a member of what was given', 'parts.store.sync();', floating],
  ['a function of what was given', "parts.send('x');", floating],
  ['a function of another file', 'load();', floating],
  ['the result of then()', 'load().then(() => 1);', floating],
  ['the result of finally()', "parts.send('x').finally(() => undefined);", floating],
  ['Promise.all()', 'Promise.all([load()]);', floating],
  ['new Promise()', 'new Promise<void>((done) => done());', floating],
  ['a call after ?.', 'maybe?.close();', floating],
  ['a call in a loop', 'for (const one of [parts.store]) one.close();', floating],
  ['an async function called at once', '(async () => await load())();', floating],
  ['a promise as a condition', 'if (load()) maybe = undefined;', misused],
  ['an async callback of forEach()', '[1].forEach(async () => void (await load()));', misused],
  ['a promise that is awaited', 'await parts.store.close();', undefined],
  ['a promise that is not waited for on purpose', 'void parts.store.close();', undefined],
  ['a promise that is returned', 'return parts.store.close();', undefined],
  ['a variable that nothing reads', 'const unused = 1;', 'noUnusedVariables'],
  ['an await of a number', 'await 1;', 'useAwaitThenable'],
  ['code after return', 'return;\nmaybe = undefined;', 'noUnreachable'],
  ['a value that nothing reads', 'let at = 1;\nat = 2;\nmaybe = [][at];', 'noUselessAssignment'],
];

const fileOf = (at: number) => `src/snippet-${at}.ts`;

function textOf(code: string): string {
  const names = ['createSender', 'createStore', 'load'].filter((name) => code.includes(`${name}(`));
  const used = names.length === 0 ? '' : `import { ${names.join(', ')} } from './shared.ts';\n`;
  const types = `import type { Parts, Store } from './shared.ts';\n`;
  const head = 'export async function run(parts: Parts, maybe: Store | undefined): Promise<void> {';
  const tail = 'await Promise.resolve([parts, maybe]);\n}\n';
  const isLast = /^return/m.test(code);
  return `${used}${types}${head}\n${isLast ? `if (maybe) {\n${code}\n}` : code}\n${tail}`;
}

type Found = { readonly exitCode: number | null; readonly rules: ReadonlyMap<string, string[]> };

/** Returns the broken rules by file. */
function lint(files: { readonly [path: string]: string }): Found {
  const folder = mkdtempSync(join(tmpdir(), 'sota-lint-'));
  try {
    mkdirSync(join(folder, 'src'));
    copyFileSync('biome.jsonc', join(folder, 'biome.jsonc'));
    for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
    const args = ['lint', '--max-diagnostics=none', '--reporter=github', '--colors=off'];
    const options = { cwd: folder, encoding: 'utf8' } as const;
    const ran = spawnSync(resolve('node_modules/.bin/biome'), args, options);
    const rules = new Map<string, string[]>();
    for (const [, rule = '', path = ''] of ran.stdout.matchAll(
      /title=lint\/\w+\/(\w+),file=[^,]*(src\/[^,]+)/g,
    )) {
      rules.set(path, [...(rules.get(path) ?? []), rule]);
    }
    return { exitCode: ran.status, rules };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const found = lint({
  'src/shared.ts': shared,
  ...Object.fromEntries(snippets.map(([, code], at) => [fileOf(at), textOf(code)])),
});

for (const [at, [what, , rule]] of snippets.entries()) {
  test(rule === undefined ? `accepts ${what}` : `${rule} finds ${what}`, () => {
    assert.equal(found.rules.get(fileOf(at)) ?? [], rule === undefined ? [] : [rule]);
  });
}

test('a floating promise alone fails the run, and the files that the snippets use do not', () => {
  assert.is(lint({ 'src/shared.ts': shared }).exitCode, 0);
  const files = { 'src/shared.ts': shared, 'src/a.ts': textOf('parts.store.close();') };
  assert.is(lint(files).exitCode, 1);
});

test('make check runs the linter over the tree', () => {
  const recipe = /^check:.*\n((?:\t.*\n)+)/m.exec(readFileSync('Makefile', 'utf8'))?.[1] ?? '';
  assert.match(recipe, /^\tnode_modules\/\.bin\/biome check$/m);
});

// ---------------------------------------------------------------- what the linter cannot find

// Biome does not read the types of Node. Therefore it finds neither an async listener nor a call of
// a function of node:*/promises as a statement.

function nodePromises(text: string): readonly string[] {
  const named = /^import \{([^}]+)\} from 'node:[\w/]+\/promises';$/gm;
  const names = [...text.matchAll(named)].flatMap(([, list = '']) =>
    list.split(',').map((one) => one.trim().split(' as ').at(-1) ?? ''),
  );
  const whole = /\bpromises as (\w+)\b|import \* as (\w+) from 'node:[\w/]+\/promises'/g;
  const spaces = [...text.matchAll(whole)].map(([, one, other]) => `${one ?? other}\\.\\w+`);
  // The methods of a FileHandle return promises, too.
  const isOpened = /\bFileHandle\b|from 'node:fs\/promises'|\bpromises as /.test(text);
  const methods = ['chmod', 'close', 'datasync', 'stat', 'sync', 'truncate', 'write', 'writeFile'];
  const handles = isOpened ? [`(?:file|folder|handle)\\.(?:${methods.join('|')})`] : [];
  const all = [...names, ...spaces, ...handles].filter((one) => one !== '');
  if (all.length === 0) return [];
  return [...text.matchAll(new RegExp(`^ *(?:${all.join('|')})\\(.*`, 'gm'))].map(([line]) => line);
}

const listener =
  /(?:\.(?:on|once)\(\s*'[^']+',|\bafter\([^,()]+,|\bset(?:Timeout|Interval)\()\s*async\b/g;

function asyncListeners(text: string): readonly string[] {
  return [...text.matchAll(listener)].map(([call]) => call);
}

const gaps = [
  {
    name: 'a promise of Node is awaited, returned, or marked by void',
    complain: nodePromises,
    bad: [
      `import { rm } from 'node:fs/promises';\n  rm('x');`,
      `import { setTimeout as pause } from 'node:timers/promises';\npause(1);`,
      `import { promises as fs } from 'node:fs';\n  fs.rm('x');`,
      `import type { FileHandle } from 'node:fs/promises';\n  handle.sync();`,
    ],
    good: `import { rm } from 'node:fs/promises';\n  await rm('x');\n  void rm('y');`,
  },
  {
    name: 'a listener is not async: nothing handles its rejection',
    complain: asyncListeners,
    bad: [
      `socket.on('close', async () => load());`,
      `clock.after(delayMs, async () => load());`,
      `setTimeout(async () => load(), 1);`,
    ],
    good: `socket.on('close', () => void load());`,
  },
];

const sources = ['src', 'test'].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => path.endsWith('.ts') && path !== 'test/lint.test.ts'),
);

for (const { name, complain, bad, good } of gaps) {
  test(name, () => {
    for (const path of sources) assert.equal(complain(readFileSync(path, 'utf8')), [], path);
    for (const text of bad) assert.is(complain(text).length, 1, text);
    assert.equal(complain(good), []);
  });
}

test.run();
