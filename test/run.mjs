// Bundles the tests, runs each file in a process of its own, and counts.
//
//   node test/run.mjs [PATH ...]              the tests below these paths (all, without any)
//   node test/run.mjs --emulated             what a whole run does with the ARM executables
//   node test/run.mjs --script FILE [-- ARG]  one script: demo, bench, backend, simulator
//
// SOTA_AGENT_BIN names another executable to test than build/linux-x64/sota-agent; one of an ARM
// target runs emulated where SOTA_AGENT_TARGET names it (linux-arm64, linux-armv7l).
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, transformSync } from 'esbuild';
import { armTargets, emulatedJobs, emulatedLines } from './emulated.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const fileTimeMs = 600_000;
/** To close what it opened: after its last test a handle left open would hold a file for ever. */
const endTimeMs = 10_000;
const groups = new Set();

const isEmulatedAlone = process.argv[2] === '--emulated';
const given = isEmulatedAlone ? ['test/e2e'] : process.argv.slice(2);
const wanted = given.map((path) => relative(root, resolve(path)));
process.chdir(root);
mkdirSync('build/test', { recursive: true });
// A folder for each run, so that two at the same time do no harm.
const out = mkdtempSync(join(root, 'build/test/run-'));
const coverage = join(out, 'coverage');
process.on('exit', cleanUp);
process.env.SOTA_AGENT_ROOT = root;
const isGivenAgent = process.env.SOTA_AGENT_BIN !== undefined;
process.env.SOTA_AGENT_BIN ??= join(root, 'build/linux-x64/sota-agent');
try {
  process.exitCode = given[0] === '--script' ? await script(given.slice(1)) : await tests();
} catch (error) {
  // What follows the first line esbuild has printed already.
  console.error(`test: ${error.message.split('\n')[0]}`);
  process.exitCode = 1;
}

async function script([file = '', separator, ...args]) {
  if (separator !== undefined && separator !== '--') throw new Error('arguments go behind --');
  const [bundle] = await bundleAll([file]);
  const options = { stdio: 'inherit' };
  const child = spawn(process.execPath, ['--enable-source-maps', bundle, ...args], options);
  // A terminal tells the child by itself; this one only waits for its end.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill());
  return new Promise((done) => child.on('exit', (code) => done(code ?? 1)));
}

async function tests() {
  const startedMs = performance.now();
  const files = readdirSync('test', { recursive: true })
    .map((name) => join('test', name))
    .filter((name) => name.endsWith('.test.ts') && (wanted.length === 0 || wanted.some(isIn(name))))
    .sort();
  const unknown = wanted.filter((path) => !files.some((name) => isIn(name)(path)));
  if (unknown.length > 0) throw new Error(`no test in ${unknown.join(', ')}`);
  const isAll = wanted.length === 0 && !isGivenAgent;
  const isOfTargets = files.some((name) => name.startsWith('test/targets/'));
  if (isEmulatedAlone) buildAgents(...armTargets);
  else if (isAll || (isOfTargets && !isGivenAgent)) buildAgents('linux-x64', ...armTargets);
  else if (!isGivenAgent && files.some((name) => /^test\/(e2e|fuzz|matrix)\//.test(name))) {
    buildAgents('linux-x64');
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  const bundles = await bundleAll(files);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const plain = files.map((file, at) => ({ file, bundle: bundles[at], env: {} }));
  const isEmulated = isAll || isEmulatedAlone;
  const jobs = [
    ...(isEmulatedAlone ? [] : plain),
    ...(isEmulated ? emulatedJobs(root, plain) : []),
  ];
  if (isEmulated) for (const line of emulatedLines(root)) console.log(line);
  // Those of the built agent measure time limits of a second: two at a time is the most.
  const workers = Math.min(2, availableParallelism());
  await Promise.all(Array.from({ length: workers }, () => work(jobs, total)));
  if (wanted.length === 0) report();
  console.log(`${files.length} files in ${secondsSince(startedMs)} s`);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

function isIn(name) {
  return (path) => path === '' || name === path || name.startsWith(`${path}/`);
}

function buildAgents(...targets) {
  const args = ['build.mjs', ...targets];
  const built = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the agent does not build');
}

async function bundleAll(files) {
  await build({
    entryPoints: files,
    outdir: out,
    outbase: 'test',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    sourcemap: 'inline',
    // What no test uses must count as not covered.
    treeShaking: false,
    define: { SOTA_AGENT_VERSION: '"0.0.0-test"', SOTA_AGENT_BUILD_TIME_S: '0' },
    logLevel: 'warning',
  });
  return files.map((file) => join(out, relative('test', file).replace(/\.ts$/, '.mjs')));
}

async function work(jobs, total) {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const startedMs = performance.now();
    const { code, output } = await run(job);
    const counts = countsOf(output);
    const isBad = code !== 0 || counts.failed > 0 || counts.passed + counts.skipped === 0;
    // A file that dies in between, or runs no test, has failed at least once.
    if (isBad && counts.failed === 0) counts.failed = 1;
    for (const key of Object.keys(total)) total[key] += counts[key];
    const sum = `${counts.passed} passed  ${secondsSince(startedMs)} s`;
    console.log(`${isBad ? 'FAIL' : ' ok '}  ${job.file}  ${sum}`);
    for (const line of output.trimEnd().split('\n')) {
      if (isBad || line.startsWith('SKIP') || line.startsWith('|')) console.log(`      ${line}`);
    }
    if (isBad) console.log(`      exit code ${code}`);
  }
}

function run({ bundle, env }) {
  const child = spawn(process.execPath, ['--enable-source-maps', bundle], {
    detached: true,
    env: { ...process.env, NODE_V8_COVERAGE: coverage, FORCE_COLOR: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  groups.add(child.pid);
  let output = '';
  const killAfter = (ms) =>
    setTimeout(() => {
      output += `\nkilled: it was still running after ${ms / 1000} s`;
      kill(child.pid);
    }, ms);
  let timer = killAfter(fileTimeMs);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (!/^ {2}Duration: /m.test(text)) return;
      clearTimeout(timer);
      timer = killAfter(endTimeMs);
    });
  }
  // What a test leaves running would hold the pipes open.
  child.on('exit', () => kill(child.pid));
  return new Promise((done) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      done({ code: code ?? signal, output });
    });
  });
}

function kill(group) {
  groups.delete(group);
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It is empty, as it should be.
  }
}

function cleanUp() {
  for (const group of groups) kill(group);
  rmSync(out, { recursive: true, force: true });
}

/** uvu prints a file's totals at its end; `SKIP` lines are ours. */
function countsOf(output) {
  const last = (pattern) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  const passed = last(/^ {2}Passed: +(\d+)/gm);
  const failed = last(/^ {2}Total: +(\d+)/gm) - passed;
  return { passed, failed, skipped: [...output.matchAll(/^SKIP /gm)].length };
}

/** Of all of src, but for main.ts and what only it uses: those run in the executable alone. */
function report() {
  // c8 leaves out what a source map names by a URL.
  for (const file of readdirSync(coverage).map((name) => join(coverage, name))) {
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(`${pathToFileURL(root).href}/src/`, `${root}/src/`));
  }
  const flags = ['--temp-directory', coverage, '--exclude-after-remap', '--all'];
  const excludes = typesOnly().flatMap((path) => ['--exclude', path]);
  const filters = ['--include', 'src/**', ...excludes, '--reporter', 'text', '--reports-dir', out];
  const args = ['node_modules/c8/bin/c8.js', 'report', ...flags, ...filters];
  spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** No line of them is ever run, so they would count as never tested. */
function typesOnly() {
  return readdirSync('src', { recursive: true })
    .map((name) => join('src', name))
    .filter((path) => path.endsWith('.ts'))
    .filter((path) => transformSync(readFileSync(path, 'utf8'), { loader: 'ts' }).code === '');
}

function secondsSince(startedMs) {
  return ((performance.now() - startedMs) / 1000).toFixed(1);
}
