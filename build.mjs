// Builds build/<target>/sota-agent: esbuild bundle -> SEA blob -> postject puts it into a stripped
// Node of that target -> the parts of Node that the agent does not need are cut out.
//
//   node build.mjs [linux-x64 ...]     NODE=/path/to/node uses another Node than the pinned one;
//                                      HOST_NODE=... is the same version, and runs here
//
// targets/<target>.json pins the Node in the executable. It comes from the npm registry, is checked
// and cached. The Node that runs this script has no influence: the same sources and tools give the
// same bytes. With CODE_CACHE=required, a build without the code cache of the script fails.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launcherOf, makeCodeCache } from './targets/code-cache.mjs';
import { stripped } from './targets/elf.mjs';
import { lazyBuiltins } from './targets/lazy-builtins.mjs';
import { cut } from './targets/segments.mjs';
import { trim } from './targets/trim.mjs';
import { fetchNode, readNode, readTarget } from './targets/node.mjs';
import { componentsOf, makeSbom } from './targets/sbom.mjs';
import { argumentsOf, checkBlob, inject, makeBlob } from './targets/sea.mjs';
import { blockDebugger, blockVariables } from './targets/block-env-vars.mjs';
import { noticeOfCodeCache, noticeOfEnd, noticeOfOpenssl } from './targets/notices.mjs';

const root = dirname(fileURLToPath(import.meta.url));
const cache = resolve(process.env.SOTA_AGENT_CACHE ?? join(root, 'build/cache'));
const given = (name) => (process.env[name] ? resolve(process.env[name]) : undefined);
const [givenNode, hostNode] = [given('NODE'), given('HOST_NODE')];
const script = 'sota-agent.cjs';

const unfinished = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const folder of unfinished) rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}

process.chdir(root);
const names = process.argv.slice(2);
try {
  await bundle();
  for (const name of names.length === 0 ? ['linux-x64'] : names) await executable(name);
} catch (error) {
  // esbuild has already printed what follows the first line.
  console.error(`build: ${error.message.split('\n')[0]}`);
  process.exitCode = 1;
}

async function bundle() {
  const { version, releaseDate } = JSON.parse(readFileSync('package.json', 'utf8'));
  const builtS = Number(process.env.SOURCE_DATE_EPOCH ?? Date.parse(releaseDate) / 1000);
  const { metafile } = await build({
    // Without it, esbuild uses the directory where Node was started.
    absWorkingDir: root,
    entryPoints: ['src/main.ts'],
    outfile: `build/${script}`,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.11',
    metafile: true,
    plugins: [lazyBuiltins],
    // The SBOM and the tarballs have the licences.
    legalComments: 'none',
    define: {
      SOTA_AGENT_VERSION: JSON.stringify(version),
      SOTA_AGENT_BUILD_TIME_S: String(builtS),
      'process.env.WS_NO_BUFFER_UTIL': '"1"',
      'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
    },
    logLevel: 'warning',
  });
  writeFileSync('build/meta.json', JSON.stringify(metafile));
}

async function executable(name) {
  const target = readTarget(name);
  const node = givenNode ?? (await fetchNode(target.node, cache, inFolder));
  const { program, version } = readNode(node, target, name);
  const blobWith = (codeCache) =>
    makeBlob(program, target, script, readFileSync(`build/${script}`), codeCache);
  const isHere = name === `${process.platform}-${process.arch}`;
  const components = componentsOf(target, version, hostNode, isHere ? node : undefined);
  const file = `build/${name}/sota-agent`;
  await inFolder(`build/${name}`, async (folder) => {
    if (isHere) checkBlob(blobWith(undefined), node, target, script, folder);
    const { codeCache, notice } = codeCacheOf(name, target, node, argumentsOf(program, target));
    const [made, bill] = ['', '.cdx.json'].map((end) => join(folder, `sota-agent${end}`));
    const blocked = blockDebugger(blockVariables(program, version), version, target.execArgv);
    writeFileSync(made, stripped(blocked));
    await inject(made, blobWith(codeCache));
    const { program: trimmed, unused, removed } = trim(readFileSync(made), version);
    const executable = cut(trimmed, unused, version);
    writeFileSync(made, executable);
    const isGiven = givenNode !== undefined;
    const sbom = makeSbom({ name, target, version, components, removed, isGiven });
    writeFileSync(bill, sbom(executable));
    chmodSync(made, 0o755);
    // A signal that came in the meantime ends the build here: Node reads signals between the two.
    for (const _ of [1, 2]) await setImmediate();
    renameSync(bill, `${file}.cdx.json`);
    renameSync(made, file);
    console.log(`${file}  ${mebibytes(executable)} MiB  with Node ${version}`);
    const notices = [noticeOfOpenssl(name, program), notice];
    // Nobody knows here how long another Node is maintained.
    if (givenNode === undefined) notices.push(noticeOfEnd(name, target, Date.now()));
    for (const one of notices) if (one !== undefined) console.log(one);
  });
}

/** Returns the bytes, or the line for the builder if nothing here runs that Node. */
function codeCacheOf(name, target, node, args) {
  const launcher = launcherOf(name, target);
  const isRequired = process.env.CODE_CACHE === 'required';
  try {
    if (launcher === undefined) throw new Error(noticeOfCodeCache(name, target));
    return { codeCache: makeCodeCache(launcher, node, args, `build/${script}`) };
  } catch (error) {
    // The libraries here may be too old for another Node than the pinned one.
    const isUsual = launcher === undefined || givenNode !== undefined;
    if (isRequired || !isUsual) throw error;
    return { notice: error.message };
  }
}

function mebibytes({ length }) {
  return (length / 1_048_576).toFixed(1);
}

/** Runs `act` with a temporary folder in `parent`, so that two builds at a time do not collide. */
async function inFolder(parent, act) {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'unfinished-'));
  unfinished.add(folder);
  try {
    await act(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    unfinished.delete(folder);
  }
}
