// Compares, after each power loss, what the next boot would find on the platter with what was
// acked.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyOf, transferOf } from '../../src/core/decision-helpers.ts';
import { indicesOf } from '../../src/core/chunk-set.ts';
import { chunkBytes } from '../backend/package.ts';
import { inspectStorage, stateIn } from '../support/acked.ts';
import type { Told, Verdict } from '../support/acked.ts';

export function inspect(folder: string, platter: Buffer, told: Told): Verdict {
  const trouble = readBack(folder, platter);
  if (trouble !== undefined) return { checked: 0, violations: [trouble] };
  return inspectStorage(join(folder, 'platter/sota'), told);
}

/**
 * Compares every chunk that the journal states, acked or not. To be used for the platter at the
 * first message of a start: before it, the agent has checked what the last commit states.
 */
export function inspectStart(folder: string, platter: Buffer, told: Told): Verdict {
  const ofAcked = inspect(folder, platter, told);
  if (ofAcked.violations.length > 0) return ofAcked;
  const { id, data } = told;
  const storage = join(folder, 'platter/sota');
  const one = stateIn(storage).core.packages.get(keyOf(id));
  const transfer = one === undefined ? undefined : transferOf(one);
  if (transfer === undefined) return { checked: 0, violations: [] };
  const file = join(storage, 'packages', String(transfer.number), 'data');
  const stored = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const indices = indicesOf(transfer.chunks);
  const isWrong = (index: number) => {
    const [from, to] = [(index - 1) * chunkBytes, Math.min(index * chunkBytes, data.length)];
    return !stored.subarray(from, to).equals(data.subarray(from, to));
  };
  const violations = indices
    .filter(isWrong)
    .map((index) => `chunk ${index} reads back wrong, and a start of the agent kept its record`);
  return { checked: indices.length, violations };
}

/** Extracts what the next boot finds after the file system has replayed its own journal. */
function readBack(folder: string, platter: Buffer): string | undefined {
  const image = join(folder, 'platter.img');
  const out = join(folder, 'platter');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  writeFileSync(image, platter);
  const checked = spawnSync('e2fsck', ['-fy', image], { stdio: 'pipe' });
  // 1: errors were corrected. With a higher code the file system could not be mounted.
  if (checked.status === null || checked.status > 1) {
    return `the file system is lost: ${checked.stdout.toString()}`;
  }
  spawnSync('debugfs', ['-R', `rdump /sota ${out}`, image], { stdio: 'pipe' });
  return undefined;
}
