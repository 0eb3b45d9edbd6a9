// Builds build/<target>/sota-agent: esbuild bundle -> SEA blob -> a stripped Node of that target.
//
//   node build.mjs [linux-x64 ...]     NODE=/path/to/node takes another Node than the pinned one
//
// The Node that goes in is pinned in targets/<target>.json, comes from the npm registry, is checked
// and cached; the Node that runs this script has no part in it. Same sources and tools, same bytes.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const cache = resolve(process.env.SOTA_AGENT_CACHE ?? join(root, 'build/cache'));
const givenNode = process.env.NODE ? resolve(process.env.NODE) : undefined;
const script = 'sota-agent.cjs';
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const seaMagic = 0x0143da20;

process.chdir(root);
const names = process.argv.slice(2);
try {
  await bundle();
  for (const name of names.length === 0 ? ['linux-x64'] : names) await executable(name);
} catch (error) {
  // What follows the first line esbuild has printed already.
  console.error(`build: ${error.message.split('\n')[0]}`);
  process.exitCode = 1;
}

async function bundle() {
  const { version, releaseDate } = JSON.parse(readFileSync('package.json', 'utf8'));
  const builtS = Number(process.env.SOURCE_DATE_EPOCH ?? Date.parse(releaseDate) / 1000);
  const { metafile } = await build({
    entryPoints: ['src/main.ts'],
    outfile: `build/${script}`,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.11',
    metafile: true,
    // Comments of licences stand in the SBOM and beside the file, not in it.
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
  const node = givenNode ?? (await fetchNode(target.node));
  if (!existsSync(node)) throw new Error(`there is no ${node}: give NODE=/path/to/bin/node`);
  const program = readFileSync(node);
  checkElf(program, target.elf, `${node}, for ${name},`);
  const blob = makeBlob(program, target);
  const file = `build/${name}/sota-agent`;
  await inFolder(`build/${name}`, async (folder) => {
    if (name === `${process.platform}-${process.arch}`) checkBlob(blob, node, target, folder);
    const unfinished = join(folder, 'sota-agent');
    writeFileSync(unfinished, program, { mode: 0o755 });
    // Before the blob goes in: a strip afterwards destroys it on arm64 and x64.
    strip(unfinished, name);
    await inject(unfinished, blob);
    renameSync(unfinished, file);
  });
  const mebibytes = (statSync(file).size / 1_048_576).toFixed(1);
  const { package: pack, version } = target.node;
  console.log(`${file}  ${mebibytes} MiB  with ${givenNode ?? `${pack}@${version}`}`);
}

/** A folder for what is unfinished, where it goes: two builds at the same time do no harm. */
async function inFolder(parent, act) {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'unfinished-'));
  try {
    await act(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readTarget(name) {
  const path = `targets/${name}.json`;
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  throw new Error(`no target '${name}': there is no ${path}`);
}

/** The packages hold bin/node; their cpu field keeps `npm install` from taking a foreign one. */
async function fetchNode({ package: pack, version, integrity }) {
  const kept = join(cache, `${pack}-${version}`);
  const [node, stamp] = [join(kept, 'node'), join(kept, 'integrity')];
  // Kept beside it for the release: what goes into the executable has a licence of its own.
  const license = join(kept, 'LICENSE');
  const isKept = existsSync(license) && existsSync(stamp);
  if (isKept && readFileSync(stamp, 'utf8') === integrity) return node;
  await inFolder(cache, (folder) => {
    const args = ['pack', `${pack}@${version}`, '--silent', '--pack-destination', folder];
    const tarball = join(folder, execFileSync('npm', args, { encoding: 'utf8' }).trim());
    const hash = createHash('sha512').update(readFileSync(tarball)).digest('base64');
    const found = `sha512-${hash}`;
    if (found !== integrity) {
      throw new Error(`${pack}@${version} is ${found}, but targets/ pins ${integrity}`);
    }
    const wanted = ['package/bin/node', 'package/LICENSE'];
    execFileSync('tar', ['-xzf', tarball, '-C', folder, ...wanted]);
    mkdirSync(kept, { recursive: true });
    renameSync(join(folder, 'package/bin/node'), node);
    renameSync(join(folder, 'package/LICENSE'), license);
    writeFileSync(stamp, integrity);
  });
  return node;
}

function checkElf(program, wanted, what) {
  const isElf = program.toString('latin1', 0, 4) === '\u007fELF';
  const bits = program[4] === 1 ? 32 : 64;
  const machine = isElf ? program.readUInt16LE(18) : undefined;
  if (!isElf) throw new Error(`${what} is no ELF file`);
  if (bits !== wanted.class || machine !== wanted.machine) {
    const needed = `${wanted.class} bits for machine ${wanted.machine}`;
    throw new Error(`${what} is ELF of ${bits} bits for machine ${machine}; needed: ${needed}`);
  }
  if (!program.includes(fuse)) throw new Error(`${what} cannot become a single executable`);
}

/** Of the strips on this machine the first that knows the CPU. */
function strip(file, name) {
  const tools = {
    'linux-arm64': 'aarch64-linux-gnu-strip',
    'linux-armv7l': 'arm-linux-gnueabihf-strip',
  };
  for (const tool of [tools[name], 'strip', 'llvm-strip'].filter(Boolean)) {
    if (spawnSync(tool, ['--strip-all', file], { stdio: 'ignore' }).status === 0) return;
  }
  console.log(`build: no strip on this machine knows ${name}: the symbols stay in`);
}

/**
 * What `--experimental-sea-config` writes, by ourselves: no foreign Node has to run, and as lengths
 * are size_t, only so does a 64-bit machine make a blob for a 32-bit one.
 */
function makeBlob(program, { elf, execArgv }) {
  const word = (value, bytes = 4) => {
    const field = Buffer.alloc(bytes);
    field.writeUInt32LE(value, 0);
    return field;
  };
  const text = (data) => Buffer.concat([word(data.length, elf.class / 8), Buffer.from(data)]);
  // A byte for each key that this Node knows. 0 says: nobody extends Node's arguments, so that
  // NODE_OPTIONS does not reach in; and: the script is CommonJS.
  const keys = ['execArgvExtension', 'mainFormat'].filter((key) => program.includes(key));
  const hasArguments = keys.length > 0 && execArgv.length > 0;
  // Flag 1 keeps Node's warning off stderr, 16 says that arguments for Node follow.
  const parts = [word(seaMagic), word(hasArguments ? 17 : 1), Buffer.alloc(keys.length)];
  parts.push(text(script), text(readFileSync(`build/${script}`)));
  if (hasArguments) parts.push(word(execArgv.length, elf.class / 8), ...execArgv.map(text));
  return Buffer.concat(parts);
}

/** Where the Node that goes in runs on this machine, it says whether we write what it would. */
function checkBlob(blob, node, { execArgv }, folder) {
  const [config, output] = ['sea.json', 'sea.blob'].map((name) => resolve(folder, name));
  const flags = { disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: false };
  const keys = { main: script, output, execArgv, execArgvExtension: 'none', ...flags };
  writeFileSync(config, JSON.stringify(keys));
  const args = ['--experimental-sea-config', config];
  execFileSync(node, args, { cwd: 'build', env: {}, stdio: 'pipe' });
  if (!readFileSync(output).equals(blob)) throw new Error(`${node} writes another SEA blob`);
}

/** postject repeats a harmless warning of its ELF library. */
async function inject(file, blob) {
  const { log, warn, error } = console;
  console.log = console.warn = console.error = () => undefined;
  try {
    const postject = createRequire(import.meta.url)('postject');
    await postject.inject(file, 'NODE_SEA_BLOB', blob, { sentinelFuse: fuse });
  } finally {
    Object.assign(console, { log, warn, error });
  }
}
