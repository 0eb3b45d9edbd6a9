// Builds build/<target>/sota-agent: esbuild bundle -> SEA blob -> a stripped Node of that target.
//
//   node build.mjs [linux-x64 ...]     NODE=/path/to/node takes another Node than the pinned one;
//                                      HOST_NODE=... the same version, one that runs here
//
// The Node that goes in is pinned in targets/<target>.json, comes from the npm registry, is checked
// and cached; the Node that runs this script has no part in it. Same sources and tools, same bytes.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { deafened, stripped } from './targets/elf.mjs';
import { fetchNode, readNode, readTarget } from './targets/node.mjs';
import { componentsOf, makeSbom } from './targets/sbom.mjs';
import { checkBlob, inject, makeBlob } from './targets/sea.mjs';
import { spared } from './targets/spared.mjs';

const root = dirname(fileURLToPath(import.meta.url));
const cache = resolve(process.env.SOTA_AGENT_CACHE ?? join(root, 'build/cache'));
const given = (name) => (process.env[name] ? resolve(process.env[name]) : undefined);
const [givenNode, hostNode] = [given('NODE'), given('HOST_NODE')];
const script = 'sota-agent.cjs';
/**
 * What Node takes from the environment and an agent must not: code (of scripts, of OpenSSL's
 * libraries, of a cache), whom to trust, where to write. targets/README.md tells them apart.
 */
const unheard = [
  ...['NODE_OPTIONS', 'OPENSSL_CONF'],
  ...['OPENSSL_MODULES', 'OPENSSL_ENGINES', 'NODE_REPL_EXTERNAL_MODULE', 'NODE_COMPILE_CACHE'],
  ...['NODE_ICU_DATA', 'NODE_EXTRA_CA_CERTS', 'NODE_USE_SYSTEM_CA', 'NODE_REDIRECT_WARNINGS'],
];

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
    plugins: [spared],
    // Comments of licences stand in the SBOM and beside the file, not in it.
    legalComments: 'none',
    define: {
      SOTA_AGENT_VERSION: JSON.stringify(version),
      SOTA_AGENT_BUILD_TIME_S: String(builtS),
      'process.env.WS_NO_BUFFER_UTIL': '"1"',
      'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
      // Spelt `void 0` otherwise, 450 times: 2 KB. Nobody ever sets it.
      undefined: '$',
    },
    footer: { js: 'var $;' },
    logLevel: 'warning',
  });
  writeFileSync('build/meta.json', JSON.stringify(metafile));
}

async function executable(name) {
  const target = readTarget(name);
  const node = givenNode ?? (await fetchNode(target.node, cache, inFolder));
  const { program, version } = readNode(node, target.elf, name);
  const blob = makeBlob(program, target, script);
  const host = name === `${process.platform}-${process.arch}` ? node : hostNode;
  const components = componentsOf(target, version, host);
  const file = `build/${name}/sota-agent`;
  await inFolder(`build/${name}`, async (folder) => {
    if (host === node) checkBlob(blob, node, target, script, folder);
    const unfinished = join(folder, 'sota-agent');
    // Before the blob goes in: a strip afterwards destroys it on arm64 and x64.
    writeFileSync(unfinished, stripped(deafened(program, unheard)));
    await inject(unfinished, blob);
    const executable = readFileSync(unfinished);
    const sbom = makeSbom({ name, target, version, components, isGiven: givenNode !== undefined });
    writeFileSync(`build/${name}/sota-agent.cdx.json`, sbom(executable));
    chmodSync(unfinished, 0o755);
    renameSync(unfinished, file);
    console.log(`${file}  ${mebibytes(executable)} MiB  with Node ${version}`);
  });
}

function mebibytes({ length }) {
  return (length / 1_048_576).toFixed(1);
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
