// The V8 code cache of the script in an executable: with it, a start does not compile the script.
// V8 accepts only the cache of the same Node, so the agent runs once in that Node.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';

/** The cache contains hashes of strings, which are random without this argument. */
const seed = '--random-seed=42';

/**
 * Returns the command before a program of the target, or undefined. qemu finds libraries in the
 * folder that QEMU_LD_PREFIX names, or in that of Debian's packages.
 */
export function launcherOf(name, { qemu, libraryFolder }) {
  if (name === `${process.platform}-${process.arch}`) return [];
  const folder = process.env.QEMU_LD_PREFIX ?? libraryFolder;
  if (qemu === undefined || folder === undefined || !existsSync(folder)) return undefined;
  return spawnSync(qemu, ['--version']).status === 0 ? [qemu, '-L', folder] : undefined;
}

/** Returns the bytes. Throws if the agent does not start in that Node. */
export function makeCodeCache(launcher, node, args, script) {
  const folder = mkdtempSync(join(tmpdir(), 'sota-agent-'));
  try {
    const file = join(folder, 'cache');
    const given = [seed, resolve('targets/warm-up.mjs'), resolve(script), file];
    const [program, ...rest] = [...launcher, resolve(node), ...args, ...given];
    // A Node whose coverage is measured gives this variable to its children; it changes the code.
    const env = { PATH: process.env.PATH, NODE_V8_COVERAGE: '' };
    const options = { cwd: folder, env, encoding: 'utf8' };
    const ran = spawnSync(program, rest, { ...options, timeout: 300_000 });
    if (ran.status === 0) return readFileSync(file);
    const said = ran.error ?? ran.stderr.trim().split('\n').at(-1);
    throw new Error(`${node} cannot make a code cache: ${said}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
