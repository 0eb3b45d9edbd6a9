// The Node in an executable: the pinned one of a target, fetched from the npm registry, checked and
// cached; or the one at a given path. Neither has to run here.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { elfOf, loaderOf } from './elf.mjs';

export const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
/** The oldest version that runs the bundle. */
const oldest = '20.11';
const machines = { 3: 'x86', 40: 'ARM', 62: 'x86-64', 183: 'ARMv8', 243: 'RISC-V' };

export function readTarget(name) {
  const path = `targets/${name}.json`;
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  throw new Error(`no target '${name}': ${path} does not exist`);
}

/** Returns the path of the program. `npm install` would reject the package of another CPU. */
export async function fetchNode({ package: pack, version, integrity }, cache, inFolder) {
  const kept = join(cache, `${pack}-${version}`);
  // A release contains the licence of Node too.
  const [node, license, stamp] = ['node', 'LICENSE', 'integrity'].map((name) => join(kept, name));
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

/** Returns the program and its version. Throws if the file does not fit, with what is needed. */
export function readNode(path, { elf: wanted, loader, cpu }, name) {
  const given = `NODE=${path}`;
  const hint = `give NODE= the bin/node of a Node for ${cpu}, or omit it for the pinned one`;
  const check = (isRight, what) => {
    if (!isRight) throw new Error(`${name}: ${given} ${what}: ${hint}`);
  };
  check(existsSync(path), 'does not exist');
  check(statSync(path).isFile(), 'is not a file');
  const program = readFileSync(path);
  const elf = elfOf(program);
  check(elf !== undefined, 'is not a program (not an ELF file)');
  const isCpu = elf.class === wanted.class && elf.machine === wanted.machine;
  check(isCpu, `is for ${machines[elf.machine] ?? `machine ${elf.machine}`}, ${elf.class} bits`);
  const found = basename(loaderOf(program) ?? '');
  const library = `needed: glibc, with the loader ${loader}`;
  check(found !== '', `is linked statically; ${library}`);
  check(found === loader, `is loaded by ${found}; ${library}`);
  const hasLibrary = program.includes('\0libnode.so.');
  check(!hasLibrary, 'only starts libnode.so; needed: a Node built without --shared');
  const version = versionOf(program);
  check(version !== undefined, 'is not a Node');
  check(!isOlder(version, oldest), `is Node ${version}; needed: ${oldest} or newer`);
  check(program.includes(fuse), 'was built with --disable-single-executable-application');
  check(!program.includes(`${fuse}:1`), 'is a single executable already');
  return { program, version };
}

function versionOf(program) {
  // The program contains its version in the form of `process.version`.
  const pattern = /v(\d+\.\d+\.\d+)[-\w]*\0/;
  const piece = 1_048_576;
  for (let at = 0; at < program.length; at += piece) {
    const found = pattern.exec(program.toString('latin1', at, at + piece + 64));
    if (found !== null) return found[1];
  }
  return undefined;
}

function isOlder(version, bound) {
  const [[a, b], [major, minor]] = [version, bound].map((text) => text.split('.').map(Number));
  return a < major || (a === major && b < minor);
}
