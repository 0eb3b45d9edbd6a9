// The files of a release: a tarball for each ARM target, one with the script for other Nodes, their
// checksums, and the same checksums for the recipes of the layer.
//
//   node targets/release.mjs FOLDER     packs what `make targets` has built
//
// The same executables give the same bytes: names are sorted, times are that of the release, and
// the owner is root.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const cache = resolve(process.env.SOTA_AGENT_CACHE ?? 'build/cache');
const { version, releaseDate } = JSON.parse(readFileSync('package.json', 'utf8'));
const releasedS = Number(process.env.SOURCE_DATE_EPOCH ?? Date.parse(releaseDate) / 1_000);
const folder = process.argv[2] ?? 'build/release';
const architectures = { 'linux-arm64': 'aarch64', 'linux-armv7l': 'arm' };

/** The files of each tarball: name there, and source. */
const common = {
  'CHANGELOG.md': 'CHANGELOG.md',
  LICENSE: 'LICENSE',
  'LICENSE.smol-toml': 'node_modules/smol-toml/LICENSE',
  'LICENSE.ws': 'node_modules/ws/LICENSE',
  'config.toml': 'targets/config/config.toml',
  'init.d/sota-agent': 'targets/init.d/sota-agent',
  'init.d/sota-agent.procd': 'targets/init.d/sota-agent.procd',
  'sota-agent.1': 'targets/man/sota-agent.1',
  'systemd/sota-agent.service': 'targets/systemd/sota-agent.service',
  'systemd/unprivileged.conf': 'targets/systemd/unprivileged.conf',
  'tmpfiles.d/sota-agent.conf': 'targets/tmpfiles.d/sota-agent.conf',
};
const programs = ['sota-agent', 'init.d/sota-agent', 'init.d/sota-agent.procd'];

mkdirSync(folder, { recursive: true });
const stage = mkdtempSync(join(folder, 'unfinished-'));
try {
  const made = Object.keys(architectures).map(releaseOf);
  made.push(scriptRelease());
  for (const { file } of made) renameSync(join(stage, file), join(folder, file));
  const sums = made.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join('');
  writeFileSync(join(folder, 'SHA256SUMS'), sums);
  writeFileSync(join(folder, 'sota-agent-release.inc'), recipe(made));
  process.stdout.write(sums);
} catch (error) {
  console.error(`release: ${error.message.split('\n')[0]}`);
  process.exitCode = 1;
} finally {
  rmSync(stage, { recursive: true, force: true });
}

function releaseOf(target) {
  const { package: pack, version: nodeVersion } = nodeOf(target);
  const program = `build/${target}/sota-agent`;
  const bom = `build/${target}/sota-agent.cdx.json`;
  const kept = join(cache, `${pack}-${nodeVersion}`, 'LICENSE');
  const license = join(stage, `LICENSE.${target}`);
  writeFileSync(license, `${noteOf(bom, nodeVersion)}${readFileSync(kept, 'utf8')}`);
  const files = { ...common, 'sota-agent': program, 'LICENSE.node': license };
  if (existsSync(bom)) files[basename(bom)] = bom;
  const made = tarball(`sota-agent-${version}`, `sota-agent-${version}-${target}.tar.gz`, files);
  return { ...made, name: target.replace('linux-', ''), arch: architectures[target], nodeVersion };
}

/** Returns what the build removed from Node, as the bill of materials has it. */
function noteOf(bom, nodeVersion) {
  if (!existsSync(bom)) return '';
  const { components } = JSON.parse(readFileSync(bom, 'utf8'));
  const notes = components.find(({ name }) => name === 'node')?.pedigree?.notes;
  return notes === undefined ? '' : `sota-agent contains Node.js ${nodeVersion}, ${notes}.\n\n`;
}

/** The bundle as a program, for an image with its own Node. */
function scriptRelease() {
  const script = join(stage, 'script');
  // A shell starts Node with an argument. For Node, this line is a string and a comment. Before the
  // script has its handler, SIGUSR1 opens a debugger: here at an address that no machine has.
  const begin = `#!/bin/sh\n':' //; exec node --inspect-port=240.0.0.1:9229 "$0" "$@"\n`;
  writeFileSync(script, `${begin}${readFileSync('build/sota-agent.cjs', 'utf8')}`);
  const top = `sota-agent-node-${version}`;
  return { ...tarball(top, `${top}.tar.gz`, { ...common, 'sota-agent': script }), name: 'node' };
}

function nodeOf(target) {
  return JSON.parse(readFileSync(`targets/${target}.json`, 'utf8')).node;
}

function tarball(top, file, files) {
  const tree = mkdtempSync(join(stage, 'tree-'));
  for (const [name, from] of Object.entries(files)) {
    const to = join(tree, top, name);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
    chmodSync(to, programs.includes(name) ? 0o755 : 0o644);
  }
  for (const name of readdirSync(tree, { recursive: true })) {
    if (statSync(join(tree, name)).isDirectory()) chmodSync(join(tree, name), 0o755);
  }
  const same = ['--sort=name', '--format=ustar', `--mtime=@${releasedS}`];
  const owner = ['--owner=0', '--group=0', '--numeric-owner'];
  const path = join(stage, file);
  execFileSync('tar', [...same, ...owner, '-I', 'gzip -n', '-C', tree, '-cf', path, top]);
  const md5 = (name) => hash('md5', readFileSync(files[name]));
  const licenses = Object.keys(files)
    .filter((name) => name.startsWith('LICENSE'))
    .sort();
  return {
    file,
    sha256: hash('sha256', readFileSync(path)),
    licenses: licenses.map((name) => `file://${name};md5=${md5(name)}`),
  };
}

function hash(algorithm, data) {
  return createHash(algorithm).update(data).digest('hex');
}

/** A file that the recipes require, so that no program has to edit a recipe. It runs nothing. */
function recipe(made) {
  const lines = [`# Written by \`make release\` for ${version}.`];
  for (const { name, sha256 } of made) lines.push(`SRC_URI[${name}.sha256sum] = "${sha256}"`);
  const isOfNode = (license) => license.startsWith('file://LICENSE.node;');
  // All tarballs have the licences of the script's; the licence of Node differs between CPUs.
  const shared = made.find(({ arch }) => arch === undefined).licenses;
  lines.push('', 'LIC_FILES_CHKSUM = " \\', ...shared.map((one) => `    ${one} \\`), '"');
  for (const { arch, nodeVersion, licenses } of made) {
    if (arch === undefined) continue;
    lines.push('', `SOTA_AGENT_NODE_VERSION:${arch} = "${nodeVersion}"`);
    lines.push(`SOTA_AGENT_NODE_LICENSE:${arch} = "${licenses.find(isOfNode)}"`);
  }
  return `${lines.join('\n')}\n`;
}
