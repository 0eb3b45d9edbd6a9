// Fetches files of Debian packages of another architecture. It does not use the system's package
// manager, because a foreign architecture must not be added to the system.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

export type DebianArch = 'arm64' | 'armhf';

const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
const cache = join(process.env['SOTA_AGENT_CACHE'] ?? join(root, 'build/cache'), 'debian');

/** Returns the folder with the unpacked packages; fetches them only once. */
export function unpacked(arch: DebianArch, packages: readonly string[]): string {
  const names = [...packages].sort().join('+');
  // A file name has at most 255 bytes.
  const short = names.length < 200 ? names : createHash('sha1').update(names).digest('hex');
  const folder = join(cache, `${arch}-${short}`);
  if (existsSync(folder)) return folder;
  const apt = aptOf(arch);
  const debs = join(cache, `debs-${process.pid}`);
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(debs, { recursive: true });
  try {
    const args = [...apt, 'download', '-qq', ...packages];
    execFileSync('apt-get', args, { cwd: debs, stdio: 'pipe' });
    for (const deb of readdirSync(debs)) {
      execFileSync('dpkg-deb', ['-x', join(debs, deb), unfinished], { stdio: 'pipe' });
    }
    renameSync(unfinished, folder);
  } finally {
    rmSync(debs, { recursive: true, force: true });
  }
  return folder;
}

/** Returns the package that a meta-package depends on. */
export function standsFor(arch: DebianArch, name: string): string {
  const args = [...aptOf(arch), 'depends', name];
  const said = execFileSync('apt-cache', args, { encoding: 'utf8' });
  const found = /Depends: (\S+)/.exec(said)?.[1];
  if (found === undefined) throw new Error(`${name} of ${arch} stands for nothing`);
  return found;
}

/** Options that give apt a separate state, with the lists of that architecture. */
function aptOf(arch: DebianArch): readonly string[] {
  const state = join(cache, `apt-${arch}`);
  const settings = {
    'Dir::State': state,
    'Dir::State::lists': join(state, 'lists'),
    'Dir::State::status': join(state, 'status'),
    'Dir::Cache': state,
    'APT::Architecture': arch,
    'APT::Architectures': arch,
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const stamp = join(state, 'updated');
  if (existsSync(stamp)) return options;
  mkdirSync(join(state, 'lists/partial'), { recursive: true });
  mkdirSync(join(state, 'archives/partial'), { recursive: true });
  writeFileSync(join(state, 'status'), '');
  // During a sync of the mirror an update of one list may fail; then the download reports what is
  // missing.
  spawnSync('apt-get', [...options, 'update', '-qq'], { stdio: 'pipe' });
  writeFileSync(stamp, '');
  return options;
}
