// After each cut: what is on the platter, held against what the server was told. Every chunk that
// was ever acked must be held, and read back byte for byte; a package may be gone only when its
// outcome is on flash.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { replay } from '../../src/core/apply.ts';
import { keyOf, transferOf } from '../../src/core/decision.ts';
import { holds } from '../../src/core/held.ts';
import { decodeRecords } from '../../src/store/record.ts';
import { chunkBytes } from '../backend/package.ts';
import type { PackageId } from '../backend/package.ts';

export type Verdict = {
  /** Chunks that were acked, and looked at on the platter. */
  readonly checked: number;
  /** What does not hold, a sentence each. */
  readonly violations: readonly string[];
};

export function inspect(
  folder: string,
  platter: Buffer,
  { id, data, acked }: { id: PackageId; data: Buffer; acked: ReadonlySet<number> },
): Verdict {
  const storage = join(folder, 'platter/sota');
  const trouble = readBack(folder, platter);
  if (trouble !== undefined) return { checked: 0, violations: [trouble] };
  if (acked.size === 0) return { checked: 0, violations: [] };
  const journal = join(storage, 'journal');
  const bytes = existsSync(journal) ? readFileSync(journal) : Buffer.alloc(0);
  const state = replay(decodeRecords(bytes).facts);
  const one = state.packages.get(keyOf(id));
  const transfer = one === undefined ? undefined : transferOf(one);
  if (transfer === undefined) {
    const isSettled = [...state.ledger.values()].some(({ outcome }) => outcome === 'installed');
    const lost = `${acked.size} acked chunks, and no transfer that holds them`;
    return { checked: 0, violations: isSettled ? [] : [lost] };
  }
  const file = join(storage, 'packages', String(transfer.number), 'data');
  const kept = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const violations: string[] = [];
  for (const index of acked) {
    const [from, to] = [(index - 1) * chunkBytes, Math.min(index * chunkBytes, data.length)];
    if (!holds(transfer.held, index)) violations.push(`chunk ${index} was acked and is not held`);
    else if (!kept.subarray(from, to).equals(data.subarray(from, to))) {
      violations.push(`chunk ${index} was acked and reads back wrong`);
    }
  }
  return { checked: acked.size, violations };
}

/** Takes out what the next boot finds, once the file system has replayed its own journal. */
function readBack(folder: string, platter: Buffer): string | undefined {
  const image = join(folder, 'platter.img');
  const out = join(folder, 'platter');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  writeFileSync(image, platter);
  const checked = spawnSync('e2fsck', ['-fy', image], { stdio: 'pipe' });
  // 1: errors were corrected. Beyond that nothing could have mounted it.
  if (checked.status === null || checked.status > 1) {
    return `the file system is lost: ${checked.stdout.toString()}`;
  }
  spawnSync('debugfs', ['-R', `rdump /sota ${out}`, image], { stdio: 'pipe' });
  return undefined;
}
