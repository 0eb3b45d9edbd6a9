// Does the steps of bitbake between the sources and the package, for the recipes of the layer. It
// copies local files into S, and runs do_install in a shell with variables and inline Python
// replaced.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate, qemuarm64 } from './datastore.ts';
import type { Recipe } from './recipe.ts';

export type Settings = { readonly [variable: string]: string };

export type InstallOptions = {
  /** D */
  readonly image: string;
  /** S */
  readonly source: string;
  readonly settings: Settings;
};

const defaults: Settings = {
  bindir: '/usr/bin',
  mandir: '/usr/share/man',
  sysconfdir: '/etc',
  localstatedir: '/var',
  nonarch_libdir: '/usr/lib',
  systemd_system_unitdir: '/usr/lib/systemd/system',
  SOTA_AGENT_RELEASES: 'https://releases.example.org',
};

/** Returns the warnings of the recipe. */
export function install(recipe: Recipe, { image, source, settings }: InstallOptions): string {
  const bodies = ['do_install', 'do_install:append']
    .map((name) => recipe.functions.get(name))
    .filter((body) => body !== undefined);
  const helpers = [...recipe.functions]
    .filter(([name]) => /^sota_agent_\w+$/.test(name))
    .map(([name, body]) => `${name}() {\n${body}\n}`);
  const warn = 'bbwarn() { echo "$*" >&2; }';
  const text = [warn, ...helpers, ...bodies].join('\n');
  const body = expanded(recipe, text, { ...settings, D: image, S: source });
  const { status, stderr } = spawnSync('sh', ['-euc', body], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`do_install of ${recipe.name} failed: ${stderr}`);
  return stderr;
}

/** Expands the text for an ARMv8 machine; a variable without a value is an error. */
export function expanded(recipe: Recipe, text: string, settings: Settings): string {
  const machine = { ...qemuarm64, settings: { ...defaults, ...settings } };
  const [made] = evaluate(recipe, [machine], [text]);
  const value = made?.values[0];
  if (value === undefined) throw new Error(`the recipe is skipped: ${made?.skipped ?? ''}`);
  const [unset] = /\$\{\w+\}/.exec(value) ?? [];
  if (unset !== undefined) throw new Error(`nobody sets ${unset}`);
  return value;
}

/**
 * Copies the local files of SRC_URI, each from the first directory that has it: appends come first.
 */
export function unpackLocal(recipe: Recipe, own: string, source: string): void {
  const before = recipe.variables.get('FILESEXTRAPATHS:prepend') ?? '';
  const folders = [...before.split(':').filter((one) => one !== ''), own];
  mkdirSync(source, { recursive: true });
  for (const entry of (recipe.variables.get('SRC_URI') ?? '').trim().split(/\s+/)) {
    const name = /^file:\/\/([^;]+);subdir=\$\{BP\}$/.exec(entry)?.[1];
    if (name === undefined) throw new Error(`not a file that comes into S: ${entry}`);
    const from = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (from === undefined) throw new Error(`${name} is in none of ${folders.join(', ')}`);
    copyFileSync(from, join(source, name));
  }
}
