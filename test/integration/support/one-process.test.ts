// Tests the guards of suites that share a process from outside: runs broken files through
// test/job.mjs, and checks that the files after them still run.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { assert, suite } from '../../support/suite.ts';

const test = suite('one process');
const root = process.env['SOTA_AGENT_ROOT'] ?? process.cwd();
const good = `test('a', () => {}); test.run();`;
const failing = `throw new Error('no');`;
const a = (body: string) => `test('a', ${body}); test.run();`;

type Broken = { readonly text: string; readonly output: RegExp };
const broken: { readonly [what: string]: Broken } = {
  'a test that fails': { text: a(`() => { ${failing} }`), output: /"a"\n +no/ },
  'a test that throws no Error': { text: a('() => { throw null; }'), output: /not an Error: null/ },
  'a test that never ends': { text: a('() => new Promise(() => {})'), output: /never ended/ },
  'a before that throws': {
    text: `test.before(() => { ${failing} }); ${good}`,
    output: /'before'/,
  },
  'an afterEach that throws': {
    text: `test.afterEach(() => { ${failing} }); ${good}`,
    output: /'afterEach'/,
  },
  'a forgotten run': { text: `test('a', () => {});`, output: /\.run\(\) was forgotten/ },
  'a file without a test': { text: 'test.run();', output: /Total: +0/ },
  'a file that does not load': { text: `throw new Error('not loaded');`, output: /not loaded/ },
  'a rejection that nothing handles': {
    text: a(`() => { void Promise.reject(new Error('lost')); }`),
    output: /unhandledRejection/,
  },
  'a process that ends itself': { text: a('() => process.exit(0)'), output: /exit code/ },
  'a handle left open': {
    text: `setInterval(() => {}, 1e3); ${good}`,
    output: /left open: Timeout/,
  },
  'a program': {
    text: `import { spawnSync } from 'node:child_process'; ${a(`() => void spawnSync('true')`)}`,
    output: /a pure suite starts a program \(spawnSync\): move it to test\/integration/,
  },
  'a socket': {
    text: `import { createServer } from 'node:net'; ${a('() => void createServer().listen(0)')}`,
    output: /a pure suite opens a socket \(listen\)/,
  },
  'a written file': {
    text: `import { open } from 'node:fs/promises'; ${a(`async () => void await open('x', 'w')`)}`,
    output: /a pure suite writes a file \(open\)/,
  },
};

test('reports each broken file, names its cause, and runs the files after it', () => {
  const names = Object.keys(broken);
  const { lines, status } = run([...Object.values(broken).map(({ text }) => text), good]);
  assert.is(status, 0, lines.join('\n'));
  for (const [at, what] of names.entries()) {
    const report = reportOf(lines, at);
    assert.match(report, /^FAIL/, what);
    assert.match(report, broken[what]?.output ?? /^$/, what);
  }
  const last = reportOf(lines, names.length);
  assert.match(last, /^ ok .* 1 passed/);
  const end = lines.find((line) => line.startsWith('sum '));
  assert.is(end, `sum ${JSON.stringify({ files: names.length + 1, failed: names.length })}`);
});

function reportOf(lines: readonly string[], at: number): string {
  const first = lines.findIndex((line) => line.includes(`file-${at}.test.ts`));
  const rest = lines.slice(first + 1);
  const next = rest.findIndex((line) => /^(FAIL| ok |sum )/.test(line));
  return [lines[first], ...rest.slice(0, next)].join('\n');
}

/** Runs these texts as files that share a process. */
function run(texts: readonly string[]) {
  const folder = mkdtempSync(join(root, 'build/test/one-'));
  try {
    const files = texts.map((text, at) => {
      const file = join(folder, `file-${at}.test.ts`);
      const head = `import { suite } from '../../../test/support/suite.ts';`;
      writeFileSync(file, `${head} const test = suite('broken');\n${text}`);
      return file;
    });
    const { stdout, stderr, status } = spawnSync(process.execPath, ['-', folder, ...files], {
      cwd: root,
      input: script,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '' },
    });
    return { lines: (stdout + stderr).split('\n'), status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs these files like test/run.mjs. */
const script = `
import('./test/job.mjs').then(async ({ createRunner, oneProcess }) => {
  const { build } = await import('esbuild');
  const { join, basename } = await import('node:path');
  const [out, ...files] = process.argv.slice(2);
  const bundleAll = async (entryPoints, more = {}) => {
    const [outdir, outExtension] = [join(out, 'out'), { '.js': '.mjs' }];
    await build({ entryPoints, outdir, outbase: '.', outExtension, bundle: true,
      platform: 'node', format: 'esm', packages: 'external', ...more });
    return entryPoints.map((file) =>
      join(out, 'out', file.replace(process.cwd() + '/', '').replace(/ts$/, 'mjs')));
  };
  const bundles = await bundleAll([...files, oneProcess], { splitting: true });
  const harness = bundles.pop();
  const runner = await createRunner({ harness, coverage: '', bundleAll });
  const sum = { files: 0, failed: 0 };
  const list = files.map((file, at) => ({ file: basename(file), bundle: bundles[at] }));
  await runner.run({ isOneProcess: true, env: {}, files: list }, (counts) => {
    sum.files += 1;
    sum.failed += counts.failed;
  });
  console.log('sum ' + JSON.stringify(sum));
});`;

test.run();
