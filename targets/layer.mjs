// What a release changes in the sources: the version in package-lock.json, the names of the recipes
// of the Yocto layer, and the checksums that they require. `make release` calls it.
//
//   node targets/layer.mjs --check     fails if there is nothing to release
//   node targets/layer.mjs FOLDER      FOLDER is what targets/release.mjs wrote
import { copyFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const layer = 'targets/yocto/meta-sota-agent';
const recipes = [
  `${layer}/recipes-sota/sota-agent`,
  `${layer}/dynamic-layers/openembedded-layer/recipes-sota/sota-agent-node`,
];
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

try {
  if (process.argv[2] === '--check') checkChanges();
  else update(process.argv[2] ?? 'build/release');
} catch (error) {
  console.error(`release: ${error.message}`);
  process.exitCode = 1;
}

/** A section is what follows its heading, up to the next one. An entry begins with a dash. */
function checkChanges() {
  const sections = readFileSync('CHANGELOG.md', 'utf8').split(/^## /m).slice(1);
  const isOfRelease = (section) => /^Unreleased\b/.test(section) || section.startsWith(version);
  if (sections.filter(isOfRelease).some((section) => /^- /m.test(section))) return;
  const where = `under "Unreleased" or "${version}"`;
  throw new Error(`CHANGELOG.md has no entry ${where}: add the changes that users notice`);
}

function update(folder) {
  const checksums = 'sota-agent-release.inc';
  const [first = ''] = readFileSync(join(folder, checksums), 'utf8').split('\n');
  if (!first.endsWith(` for ${version}.`)) {
    const found = `${folder}/${checksums} begins with "${first}"`;
    throw new Error(`${found}, but package.json has ${version}: run \`make release\``);
  }
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  lock.version = version;
  lock.packages[''].version = version;
  writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
  for (const directory of recipes) {
    for (const name of readdirSync(directory).filter((one) => one.endsWith('.bb'))) {
      const renamed = name.replace(/_[^_]*\.bb$/, `_${version}.bb`);
      renameSync(join(directory, name), join(directory, renamed));
    }
  }
  copyFileSync(join(folder, checksums), join(recipes[0], checksums));
}
