// Confirms the chunks of the last commit before anything depends on them. A commit syncs data and
// facts together, so after a power loss its facts may be on flash without the data.
import { crc32 } from '../crc32.ts';
import { foreignFile, isOfProcess, isPlanted } from './payload-files.ts';
import { isLink } from './ownership.ts';
import type { Disk, DiskResult } from '../host/ports.ts';
import type { Claim, Fold } from './fold.ts';
import type { PayloadFiles } from './payload-files.ts';

export type Confirmed<S, F> = {
  readonly state: S;
  /** The facts that remove the chunks without data; `state` contains them. */
  readonly removals: readonly F[];
  /** A sentence for each removed chunk. */
  readonly losses: readonly string[];
};

export type Confirm = <S, F>(
  fold: Pick<Fold<S, F>, 'claimOf' | 'reduce'>,
  state: S,
  facts: readonly F[],
) => Promise<DiskResult<Confirmed<S, F>>>;

export function createConfirm(disk: Disk, data: PayloadFiles): Confirm {
  return async (fold, folded, facts) => {
    let state = folded;
    const removals = [];
    const losses: string[] = [];
    for (const fact of facts) {
      const claim = fold.claimOf(state, fact);
      if (claim === undefined) continue;
      const kept = await keep(disk, data, claim);
      if (!kept.ok) return kept;
      if (kept.value) continue;
      state = fold.reduce(state, claim.removal);
      removals.push(claim.removal);
      const place = `chunk ${claim.chunkIndex} of packages/${claim.number}`;
      losses.push(`journal: removed the record of ${place}, whose data is not on flash`);
    }
    await data.sync();
    return { ok: true, value: { state, removals, losses } };
  };
}

/**
 * Returns false if the data is not that of the claim. The data is written again: after a kill it
 * may be only in kernel memory, and after a failed sync no later sync writes it.
 */
async function keep<F>(
  disk: Disk,
  data: PayloadFiles,
  { number, chunkIndex, sizeBytes, crc }: Claim<F>,
): Promise<DiskResult<boolean>> {
  const listed = await disk.list(data.root);
  const folder = listed.ok ? listed.value.find(({ name }) => name === String(number)) : undefined;
  if (folder !== undefined && isLink(folder)) {
    return foreignFile(`${data.folder(number)} is not a directory`);
  }
  const read = listed.ok ? await data.read(number, chunkIndex, sizeBytes) : listed;
  if (!read.ok && isOfProcess(read.code)) return read;
  if (!read.ok && isPlanted(read.code)) return foreignFile(read.reason);
  if (!read.ok || read.value.length !== sizeBytes || crc32(read.value) !== crc) {
    return { ok: true, value: false };
  }
  const written = await data.write({ number, chunkIndex, data: read.value });
  return written.ok ? { ok: true, value: true } : written;
}
