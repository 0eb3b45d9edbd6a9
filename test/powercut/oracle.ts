// Compares, after each power loss, what the next boot would find on the platter with what was
// acked.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectStorage } from '../support/acked.ts';
import type { Told, Verdict } from '../support/acked.ts';

export function inspect(folder: string, platter: Buffer, told: Told): Verdict {
  const trouble = readBack(folder, platter);
  if (trouble !== undefined) return { checked: 0, violations: [trouble] };
  return inspectStorage(join(folder, 'platter/sota'), told);
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
