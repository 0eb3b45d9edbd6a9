// Tests the V8 code cache of the script in each executable: it is there, and V8 takes it. Node
// prints a warning if V8 rejects it, as the controls show.
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, suite } from '../support/suite.ts';
import { targetOf } from '../support/target.ts';
import { canRun, fileOf, root, runOn, targets } from './built.ts';

const test = suite('the code cache');
const script = readFileSync(join(root, 'build/sota-agent.cjs'));
let folder = '';
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sota-code-'));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Returns where the cache is in the executable: its length, then its bytes, follow the script. */
function cacheIn(target: string, program: Buffer): { readonly at: number; readonly size: number } {
  const end = program.indexOf(script) + script.length;
  assert.ok(end > script.length, 'the executable does not contain the script');
  const is64 = targetOf(target).elf.class === 64;
  const size = is64 ? Number(program.readBigUInt64LE(end)) : program.readUInt32LE(end);
  return { at: end + (is64 ? 8 : 4), size };
}

/** Changes a byte of what V8 compares: its version (4), the source (8), its flags (12). */
function changed(target: string, offset: number): string {
  const path = join(folder, `changed-${target}`);
  copyFileSync(fileOf(target), path);
  const program = readFileSync(path);
  const at = cacheIn(target, program).at + offset;
  program.writeUInt8(program.readUInt8(at) ^ 1, at);
  writeFileSync(path, program);
  return path;
}

const rejected = /Warning: Code cache data rejected/;
const hasFolder = ({ libraryFolder }: { readonly libraryFolder?: string }) =>
  libraryFolder === undefined || existsSync(libraryFolder);

for (const target of targets) {
  const isMade = canRun(target) && hasFolder(targetOf(target));
  const made = test.needs('what runs the Node of the target in the build', isMade);

  made(`of ${target} is there, and is accepted`, () => {
    const { size } = cacheIn(target, readFileSync(fileOf(target)));
    assert.ok(size > script.length / 3 && size < 3 * script.length, `${size} bytes`);
    const { exitCode, err } = runOn(target, fileOf(target), ['version']);
    assert.equal({ exitCode, err }, { exitCode: 0, err: '' });
  });

  for (const [what, offset] of [
    ['version of V8', 4],
    ['source', 8],
    ['flags of V8', 12],
  ] as const) {
    made(`of ${target} for another ${what} is rejected, and the agent works without it`, () => {
      const { exitCode, out, err } = runOn(target, changed(target, offset), ['version']);
      assert.is(exitCode, 0);
      assert.match(out, /^sota-agent \d/);
      assert.match(err, rejected);
    });
  }
}

test.run();
