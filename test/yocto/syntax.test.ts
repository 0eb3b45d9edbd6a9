// Tests every expression and every Python function of the layer against what the oldest series
// accepts. bitbake 2.0 ends an inline expression at its first closing brace, and kirkstone runs on
// hosts with Python 3.6. Each rule has snippets that it must find.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { layer } from './recipe.ts';

const test = suite('the layer in the syntax of every series');
const withPython = test.needs('python3', hasProgram('python3'));

const metadata = readdirSync(layer, { recursive: true })
  .map(String)
  .filter((file) => /\.(bb|inc|conf|bbappend|bbclass)$/.test(file));
const texts = metadata.map((file) => ({ file, text: readFileSync(join(layer, file), 'utf8') }));

const parser = `import ast, json, sys
def problem(code, mode):
    try: ast.parse(code, mode=mode, feature_version=(3, 6))
    except SyntaxError as why: return f'{why.msg}: {code}'
print(json.dumps([problem(code, mode) for code, mode in json.load(sys.stdin)]))`;

/** Names that Python has since 3.7 or later. */
const late = new RegExp(
  [
    String.raw`\.(removeprefix|removesuffix|is_relative_to|readlink|with_stem|isascii|prod)\(`,
    String.raw`missing_ok|dirs_exist_ok|capture_output|\btext=|shlex\.join|functools\.cache\b`,
    String.raw`\b(tomllib|zoneinfo|graphlib|dataclasses|contextvars)\b`,
  ].join('|'),
);

function problemsOf(text: string): readonly string[] {
  const code = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
  const found: string[] = [];
  const pieces: [code: string, mode: 'eval' | 'exec'][] = [];
  for (const [, rest = ''] of code.matchAll(/\$\{@(.*)/g)) {
    const [expression = ''] = rest.split('}');
    if (expression.includes('{')) found.push(`a brace within an expression: ${expression}`);
    else pieces.push([expression.trim(), 'eval']);
  }
  for (const [, body = ''] of code.matchAll(/^python [\w ]*\(\) \{\n([^]*?)\n\}$/gm)) {
    pieces.push([`if True:\n${body}`, 'exec']);
  }
  for (const [body] of code.matchAll(/^def .*\n(?:(?:[ \t].*)?\n)*/gm)) pieces.push([body, 'exec']);
  const parsed: readonly (string | null)[] = JSON.parse(
    execFileSync('python3', ['-c', parser], { input: JSON.stringify(pieces), encoding: 'utf8' }),
  );
  found.push(...parsed.filter((one) => one !== null));
  for (const [piece] of pieces) {
    const [name] = late.exec(piece) ?? [];
    if (name !== undefined) found.push(`newer than Python 3.6: ${name}`);
  }
  return found;
}

withPython('no expression and no function needs a newer bitbake or Python', () => {
  const all = texts.map(({ text }) => text).join('\n');
  assert.ok(all.split('${@').length > 4);
  assert.ok(all.split(/^(?:python|def) /m).length > 8);
  for (const { file, text } of texts) assert.equal(problemsOf(text), [], file);
});

withPython('the rule catches what an older series refuses', () => {
  const right = `A = "\${@'a' if 'x' in set(['x']) else 'b'}"\n`;
  assert.equal(problemsOf(right), []);
  const wrong = [
    `A = "\${@'a' if set(x) & {'armv7a', 'armv8a'} else 'null'}"\n`,
    `A = "\${@{'a': 1}.get(d.getVar('B'))}"\n`,
    'A = "${@f\'{d}\'}"\n',
    `A = "\${@'}'}"\n`,
    `A = "\${@'\${PV}'.split()}"\n`,
    `A = "\${@len({})}"\n`,
    `do_x() {\n    echo \${@' '.join({'b'})}\n}\n`,
    'python () {\n    if (a := 1): pass\n}\n',
    'python do_x() {\n    match d:\n        case 1: pass\n}\n',
    `def x(d):\n    return d.getVar('A').removeprefix('v')\n`,
    `def x(d, /):\n    return 1\n`,
    `def x(d):\n    with (open(a) as b, open(c) as e):\n        pass\n`,
  ];
  for (const text of wrong) assert.ok(problemsOf(text).length > 0, text);
});

test('no file uses what only some series know', () => {
  const known: readonly (readonly [RegExp, string])[] = [
    [/^S = /m, 'S: its right value differs by series'],
    [/\$\{(WORKDIR|UNPACKDIR)\}/, 'WORKDIR or UNPACKDIR'],
    [/_(append|prepend|remove)\b(?!\w)[^\n]*=/, 'overrides with an underscore'],
    [/^(include_all|addfragments|inherit_defer)\b/m, 'a statement after kirkstone'],
    [/SkipPackage|bb\.fetch\.|\bbb\.data\.getVar\(/, 'a name that later series removed'],
  ];
  for (const { file, text } of texts) {
    for (const [what, why] of known) assert.not.match(text, what, `${file}: ${why}`);
  }
  const snippets = ['S = "x"', '${WORKDIR}', 'A_append = "x"', 'inherit_defer x', 'SkipPackage'];
  for (const [at, text] of snippets.entries()) assert.ok(known[at]?.[0].test(text), text);
});

test.run();
