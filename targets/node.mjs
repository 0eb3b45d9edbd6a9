// The Node that goes into an executable: the pinned one of a target, from the npm registry, checked
// and kept; or one that was given by its path. None of them has to run here.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { elfOf, loaderOf } from './elf.mjs';

export const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
/** The first line whose executables the bundle is made for. */
const oldest = '20.11';
const machines = { 3: 'x86', 40: 'ARM', 62: 'x86-64', 183: 'ARMv8', 243: 'RISC-V' };

export function readTarget(name) {
  const path = `targets/${name}.json`;
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  throw new Error(`no target '${name}': there is no ${path}`);
}

/** The packages hold bin/node; their cpu field keeps `npm install` from taking a foreign one. */
export async function fetchNode({ package: pack, version, integrity }, cache, inFolder) {
  const kept = join(cache, `${pack}-${version}`);
  // What goes into the executable has a licence of its own, which a release brings along.
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

/** The program and its version; an error that says what is wrong with a file that does not fit. */
export function readNode(path, { elf: wanted, loader, cpu }, name) {
  const given = `NODE=${path}`;
  const mend = `give NODE= the bin/node of a Node for ${cpu}, or leave it out for the pinned one`;
  const check = (isRight, what) => {
    if (!isRight) throw new Error(`${name}: ${given} ${what}: ${mend}`);
  };
  check(existsSync(path), 'is not there');
  check(statSync(path).isFile(), 'is no file');
  const program = readFileSync(path);
  const elf = elfOf(program);
  check(elf !== undefined, 'is no program (no ELF file)');
  const isCpu = elf.class === wanted.class && elf.machine === wanted.machine;
  check(isCpu, `is for ${machines[elf.machine] ?? `machine ${elf.machine}`}, ${elf.class} bits`);
  const found = basename(loaderOf(program) ?? '');
  const library = `needed: glibc, with the loader ${loader}`;
  check(found !== '', `is linked statically; ${library}`);
  check(found === loader, `is loaded by ${found}; ${library}`);
  const version = versionOf(program);
  check(version !== undefined, 'is no Node');
  check(!isOlder(version, oldest), `is Node ${version}; needed: ${oldest} or newer`);
  check(program.includes(fuse), 'was built without support for single executables');
  check(!program.includes(`${fuse}:1`), 'is a single executable already');
  return { program, version };
}

function versionOf(program) {
  // Beside others it holds its own version as `process.version` says it.
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
