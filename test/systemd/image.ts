// Does what an integrator does with the layer, up to the root file system. It uses the tarball of
// the release, a layer of the integrator, and the results of bitbake, useradd and systemctl for the
// recipes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { expanded, install, unpackLocal } from '../yocto/install.ts';
import { layer, readRecipe } from '../yocto/recipe.ts';
import type { Settings } from '../yocto/install.ts';

/** The content of the integrator's local.conf and layer. */
export type Integration = {
  readonly settings: Settings;
  readonly config: string;
  /** More lines of the append to sota-agent. */
  readonly append?: string;
  /** A certificate that is installed in the same way as the configuration. */
  readonly certificate?: string;
};

const recipes = join(layer, 'recipes-sota');

/** Returns the top directory of the tarball for arm64, made from the output of `make targets`. */
export function unpackRelease(folder: string): string {
  const release = join(folder, 'release');
  execFileSync(process.execPath, ['targets/release.mjs', release], { stdio: 'pipe' });
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const tarball = join(release, `sota-agent-${version}-linux-arm64.tar.gz`);
  execFileSync('tar', ['-xzf', tarball, '-C', folder]);
  return join(folder, `sota-agent-${version}`);
}

/** Installs both packages into the root file system, adds their user, and enables the unit. */
export function installAgent(system: string, release: string, integration: Integration): void {
  const { settings } = integration;
  const own = mkdtempSync(join(dirname(system), 'layer-'));
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const agent = readRecipe(
    join(recipes, `sota-agent/sota-agent_${version}.bb`),
    put(own, 'sota-agent/sota-agent_%.bbappend', integration.append ?? ''),
  );
  install(agent, { image: system, source: release, settings });
  const conf = readRecipe(
    join(recipes, 'sota-agent-conf/sota-agent-conf_1.0.bb'),
    put(own, 'sota-agent-conf/sota-agent-conf_%.bbappend', confAppend(integration)),
  );
  put(own, 'sota-agent-conf/files/config.toml', integration.config);
  put(own, 'sota-agent-conf/files/public.pem', integration.certificate ?? '');
  const source = join(own, 'source');
  unpackLocal(conf, join(recipes, 'sota-agent-conf/files'), source);
  install(conf, { image: system, source, settings });
  const user = expanded(agent, agent.variables.get('USERADD_PARAM:${PN}') ?? '', settings);
  execFileSync('useradd', ['--prefix', system, ...user.split(/\s+/)], { stdio: 'pipe' });
  enable(system, 'sota-agent.service');
}

function confAppend({ certificate }: Integration): string {
  const files = 'FILESEXTRAPATHS:prepend := "${THISDIR}/files:"\n';
  if (certificate === undefined) return files;
  return `${files}SRC_URI += "file://public.pem;subdir=\${BP}"
do_install:append() {
    install -D -m 0644 \${S}/public.pem \${D}\${sysconfdir}/swupdate/public.pem
}
`;
}

/**
 * Like the class at image creation; with systemd as the only init manager it removes init scripts.
 */
export function enable(system: string, ...units: readonly string[]): void {
  rmSync(join(system, 'etc/init.d'), { recursive: true, force: true });
  execFileSync('systemctl', [`--root=${system}`, 'enable', ...units], { stdio: 'pipe' });
}

function put(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}
