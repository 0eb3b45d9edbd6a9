// Tests the guard around uvu from outside: each broken suite runs in a separate process.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { build } from 'esbuild';
import { assert, suite } from '../../support/suite.ts';

const test = suite('suite');

const one = `test('a', () => {}); test.run();`;
const failing = `throw new Error('no');`;
const nameless = `throw Object.assign(new Error('no'), { name: 7 });`;

const broken = {
  'a test that fails': `test('a', () => { ${failing} }); test.run();`,
  'a test that throws no Error': `test('a', () => { throw null; }); test.run();`,
  'a test that never ends': `test('a', () => new Promise(() => {})); test.run();`,
  'an Error that uvu cannot print': `test('a', () => { ${nameless} }); test.run();`,
  'a before that throws': `test.before(() => { ${failing} }); ${one}`,
  'an after that throws': `test.after(() => { ${failing} }); ${one}`,
  'a beforeEach that throws': `test.beforeEach(() => { ${failing} }); ${one}`,
  'an afterEach that throws': `test.afterEach(() => { ${failing} }); ${one}`,
  'a forgotten run': `test('a', () => {});`,
  'a forgotten run of a second suite': `const b = suite('broken'); b('a', () => {}); ${one}`,
};

for (const [what, text] of Object.entries(broken)) {
  test(`fails on ${what}`, async () => {
    const { status, output } = await runSuite(text);
    assert.is(status, 1, output);
  });
}

test('passes a good suite, hooks and all', async () => {
  const { status, output } = await runSuite(`
    for (const hook of ['before', 'after', 'beforeEach', 'afterEach'])
      test[hook](() => console.log(hook));
    test('a', () => {});
    test('b', async () => {});
    test.run();`);
  assert.is(status, 0, output);
  assert.match(output, /Passed: +2/);
  assert.is(output.match(/^.*\bbefore$/gm)?.length, 1);
  assert.is(output.match(/beforeEach$/gm)?.length, 2);
  assert.is(output.match(/afterEach$/gm)?.length, 2);
});

const needy = `test.needs('a moon', false)('tides', () => {}); test('a', () => {}); test.run();`;

test('names a test that cannot run here', async () => {
  const { status, output } = await runSuite(needy);
  assert.is(status, 0, output);
  assert.match(output, /^SKIP {2}broken: tides: needs a moon$/m);
});

test('fails in CI when a test cannot run there', async () => {
  const { status, output } = await runSuite(needy, { CI: 'true' });
  assert.is(status, 1, output);
  assert.match(output, /CI may not skip it: needs a moon/);
});

test('runs a test whose need is met', async () => {
  const text = `test.needs('air', true)('breathes', () => {}); test.run();`;
  const { status, output } = await runSuite(text, { CI: 'true' });
  assert.is(status, 0, output);
  assert.match(output, /Passed: +1/);
});

const three = `for (const name of ['one', 'two', 'three']) test(name, () => {}); test.run();`;

test('runs the tests of a file whose names TESTS has a part of, and says so', async () => {
  const { status, output } = await runSuite(three, { TESTS: 'one; hre' });
  assert.is(status, 0, output);
  assert.match(output, /Passed: +2/);
  assert.match(output, /^\| broken: TESTS leaves out 1$/m);
});

test('fails on a part in TESTS that no name has', async () => {
  const { status, output } = await runSuite(three, { TESTS: 'one; four' });
  assert.is(status, 1, output);
  assert.match(output, `no test's name has "four"`);
});

async function runSuite(text: string, environment: { readonly [name: string]: string } = {}) {
  const head = `import { suite } from './test/support/suite.ts'; const test = suite('broken');`;
  const { outputFiles } = await build({
    stdin: { contents: `${head}\n${text}`, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
  });
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-'], {
    input: outputFiles[0]?.text ?? '',
    env: { FORCE_COLOR: '0', ...environment },
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

test.run();
