// Bundles the tests, runs them by tier (test/tiers.mjs), and counts the results. Pure suites share
// a process; each other file runs in its own process.
//
//   node test/run.mjs [PATH ...]              the tests below these paths (all, without any)
//   node test/run.mjs --tier NAME             the tests of one tier
//   node test/run.mjs --emulated              what a whole run does with the ARM executables
//   node test/run.mjs --script FILE [-- ARG]  one script: demo, bench, backend, simulator
//
// SOTA_AGENT_BIN names the executable to test; the default is build/linux-x64/sota-agent. If
// SOTA_AGENT_TARGET names an ARM target (linux-arm64, linux-armv7l), the executable runs emulated.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, transformSync } from 'esbuild';
import { armTargets, emulatedJobs, emulatedLines } from './emulated.mjs';
import { createRunner, oneProcess } from './job.mjs';
import { createCosts, emulatedTier, jobsOf, tierOf } from './tiers.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isEmulatedAlone = process.argv[2] === '--emulated';
const given = isEmulatedAlone ? ['test/e2e'] : process.argv.slice(2);
const tier = given[0] === '--tier' ? (given[1] ?? '') : undefined;
const wanted = tier === undefined ? given.map((path) => relative(root, resolve(path))) : [];
const isWhole = wanted.length === 0 && tier === undefined;
process.chdir(root);
mkdirSync('build/test', { recursive: true });
// Each run has its own folder, so that two runs at the same time do not conflict.
const out = mkdtempSync(join(root, 'build/test/run-'));
const coverage = join(out, 'coverage');
let endJobs = () => {};
process.on('exit', cleanUp);
process.env.SOTA_AGENT_ROOT = root;
const isGivenAgent = process.env.SOTA_AGENT_BIN !== undefined;
process.env.SOTA_AGENT_BIN ??= join(root, 'build/linux-x64/sota-agent');
try {
  process.exitCode = given[0] === '--script' ? await script(given.slice(1)) : await tests();
} catch (error) {
  // esbuild has already printed all but the first line.
  console.error(`test: ${error.message.split('\n')[0]}`);
  process.exitCode = 1;
}

async function script([file = '', separator, ...args]) {
  if (separator !== undefined && separator !== '--') throw new Error('arguments go behind --');
  const [bundle] = await bundleAll([file]);
  const options = { stdio: 'inherit' };
  const child = spawn(process.execPath, ['--enable-source-maps', bundle, ...args], options);
  // The terminal sends the signal to the child, too. This process only waits for the child.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill());
  return new Promise((done) => child.on('exit', (code) => done(code ?? 1)));
}

async function tests() {
  const startedMs = performance.now();
  const files = readdirSync('test', { recursive: true })
    .map((name) => join('test', name))
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => wanted.length === 0 || wanted.some(isIn(name)))
    .filter((name) => tier === undefined || tierOf(name).name === tier)
    .sort();
  const unknown = wanted.filter((path) => !files.some((name) => isIn(name)(path)));
  if (unknown.length > 0) throw new Error(`no test in ${unknown.join(', ')}`);
  if (files.length === 0) throw new Error(`no test in the tier '${tier}'`);
  const isAll = isWhole && !isGivenAgent;
  const isOfTargets = files.some((name) => name.startsWith('test/targets/'));
  if (isEmulatedAlone) buildAgents(...armTargets);
  else if (isAll || (isOfTargets && !isGivenAgent)) buildAgents('linux-x64', ...armTargets);
  else if (!isGivenAgent && files.some((name) => /^test\/(e2e|bench|fuzz|matrix)\//.test(name))) {
    buildAgents('linux-x64');
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  const plain = await bundled(files);
  const isEmulated = isAll || isEmulatedAlone;
  const emulated = isEmulated ? emulatedJobs(root, plain) : [];
  const jobs = [
    ...(isEmulatedAlone ? [] : jobsOf(plain)),
    ...emulated.map(({ env, ...one }) => ({ tier: emulatedTier, files: [one], env })),
  ];
  if (isEmulated) for (const line of emulatedLines(root)) console.log(line);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const costs = createCosts();
  const runner = await createRunner({ harness: bundleOf(oneProcess), coverage, bundleAll });
  endJobs = runner.end;
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      await runner.run(job, (counts, seconds) => {
        for (const key of Object.keys(total)) total[key] += counts[key];
        costs.add(job.tier, counts, seconds);
      });
    }
  };
  // Tests of the executable have time limits in seconds, so at most two jobs run at a time.
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
  if (isWhole) report();
  for (const line of costs.lines()) console.log(line);
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

/** Bundles the files; files of a shared process share their sources, so each source loads once. */
async function bundled(files) {
  const isShared = (file) => tierOf(file).isOneProcess === true;
  const [shared, alone] = [files.filter(isShared), files.filter((file) => !isShared(file))];
  const together = shared.length === 0 ? [] : [...shared, oneProcess];
  const bundles = [
    ...(await bundleAll(together, { splitting: true })).slice(0, -1),
    ...(await bundleAll(alone)),
  ];
  return [...shared, ...alone].map((file, at) => ({ file, bundle: bundles[at] }));
}

async function bundleAll(files, more = {}) {
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
    // Code that no test uses must count as not covered.
    treeShaking: false,
    define: { SOTA_AGENT_VERSION: '"0.0.0-test"', SOTA_AGENT_BUILD_TIME_S: '0' },
    logLevel: 'warning',
    ...more,
  });
  return files.map(bundleOf);
}

function bundleOf(file) {
  return join(out, relative('test', file).replace(/\.ts$/, '.mjs'));
}

function cleanUp() {
  endJobs();
  rmSync(out, { recursive: true, force: true });
}

/**
 * Prints the coverage of src without main.ts and its own imports: only the executable runs them.
 */
function report() {
  // c8 ignores sources that a source map names by a URL.
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

/** Returns the files that contain only types. They have no line to run. */
function typesOnly() {
  return readdirSync('src', { recursive: true })
    .map((name) => join('src', name))
    .filter((path) => path.endsWith('.ts'))
    .filter((path) => transformSync(readFileSync(path, 'utf8'), { loader: 'ts' }).code === '');
}

function secondsSince(startedMs) {
  return ((performance.now() - startedMs) / 1000).toFixed(1);
}
