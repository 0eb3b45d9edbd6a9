// Copies what a build needs into a separate directory, because other tests run the output of this
// tree's build.
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { root } from './built.ts';

const packages = ['@esbuild', 'esbuild', 'postject', 'ws', 'smol-toml'];

export function copyTree(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const files = ['Makefile', 'build.mjs', 'package.json', 'package-lock.json', 'tsconfig.json'];
  for (const path of [...files, 'src', 'targets']) copy(folder, path);
  for (const path of packages) copy(folder, `node_modules/${path}`);
  // Prevents make from downloading them again.
  writeFileSync(join(folder, 'node_modules/.stamp'), '');
  mkdirSync(join(folder, 'build'));
  return folder;
}

/** The Nodes that were downloaded for this tree. */
export const cache = resolve(process.env['SOTA_AGENT_CACHE'] ?? join(root, 'build/cache'));

function copy(folder: string, path: string): void {
  cpSync(join(root, path), join(folder, path), { recursive: true, preserveTimestamps: true });
}
