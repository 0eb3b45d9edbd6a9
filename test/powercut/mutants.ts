// Agents that are broken in one place of the commit, as in the simulator, built for an ARM target.
// A real kernel must show the defect, too; otherwise the power losses do not reach such a place.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { mutants } from '../sim/mutants.ts';
import { changed } from '../support/mutate.ts';
import { cache, copyTree } from '../targets/tree.ts';
import type { Mutant } from '../support/mutate.ts';
import type { ArmTarget } from '../support/target.ts';

export type Built = { readonly executable: string; remove(): void };

export function mutantNamed(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found === undefined) throw new Error(`test/sim/mutants.ts has no mutant '${name}'`);
  return found;
}

export function buildMutant(target: ArmTarget, { changes }: Mutant): Built {
  const folder = copyTree('mutant');
  for (const file of new Set(changes.map((change) => change.file))) {
    const path = join(folder, 'src', file);
    writeFileSync(path, changed(readFileSync(path, 'utf8'), changes, file));
  }
  const env = { ...process.env, SOTA_AGENT_CACHE: cache };
  execFileSync(process.execPath, ['build.mjs', target], { cwd: folder, env, stdio: 'pipe' });
  return {
    executable: join(folder, `build/${target}/sota-agent`),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
