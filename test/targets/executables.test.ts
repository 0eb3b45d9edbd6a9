// Compares the built files, as readelf prints them, with the values in targets/NAME.json.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { targetOf } from '../support/target.ts';
import { canRun, fileOf, root, runOn, targets } from './built.ts';

const test = suite('the executables');
const reads = test.needs('readelf', hasProgram('readelf'));

function readelf(target: string, option: string): string {
  const options = { encoding: 'utf8', env: { LC_ALL: 'C' }, maxBuffer: 1 << 28 } as const;
  return execFileSync('readelf', [option, '-W', fileOf(target)], { ...options, stdio: 'pipe' });
}

/** Returns the highest version of a kind of symbols that the file needs from its libraries. */
function highest(target: string, kind: string): string | undefined {
  const pattern = new RegExp(`Name: ${kind}_([0-9.]+)\\b`, 'g');
  const versions = [...readelf(target, '-V').matchAll(pattern)].map(([, version = '']) => version);
  return versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
}

const machines: { readonly [machine: number]: RegExp } = {
  40: /Machine: +ARM$/m,
  62: /Machine: +Advanced Micro Devices X86-64$/m,
  183: /Machine: +AArch64$/m,
};

/** A change that needs more raises it and gives its reason. */
const mebibytesMax = { 'linux-x64': 67, 'linux-arm64': 62, 'linux-armv7l': 36 };

for (const target of targets) {
  const promised = targetOf(target);

  reads(`${target} has the word size and the CPU that were promised`, () => {
    const header = readelf(target, '-h');
    assert.match(header, new RegExp(`Class: +ELF${promised.elf.class}$`, 'm'));
    assert.match(header, machines[promised.elf.machine] ?? /no such machine/);
    assert.is(/hard-float ABI/.test(header), target === 'linux-armv7l');
  });

  reads(`${target} wants the libraries that were promised`, () => {
    const dynamic = readelf(target, '-d');
    const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name = '']) => name);
    const isLoader = (name: string) => name.startsWith('ld-linux');
    assert.equal(needed.filter((name) => !isLoader(name)).sort(), [...promised.libraries].sort());
  });

  reads(`${target} wants the C and C++ libraries of the promised age`, () => {
    assert.is(highest(target, 'GLIBC'), promised.glibcMin);
    assert.is(highest(target, 'GLIBCXX'), promised.glibcxxMin);
  });

  reads(`${target} has no symbols and no debug information in it`, () => {
    const sections = readelf(target, '-S');
    assert.match(sections, /\.dynsym/);
    assert.not.match(sections, /\.symtab|\.debug_/);
  });

  test(`${target} has at most ${mebibytesMax[target]} MiB`, () => {
    const { size } = statSync(fileOf(target));
    assert.ok(size <= mebibytesMax[target] * 1_048_576, `${size} bytes`);
  });

  test(`${target} can be executed by everyone`, () => {
    assert.is(statSync(fileOf(target)).mode & 0o777, 0o755);
  });

  test.needs(`what runs ${target}`, canRun(target))(`${target} starts`, () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const ran = runOn(target, fileOf(target), ['version']);
    assert.equal(ran, { exitCode: 0, out: `sota-agent ${version}\n`, err: '' });
  });
}

test.run();
