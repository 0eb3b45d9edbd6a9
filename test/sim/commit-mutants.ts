// Agents with a defect in the commit, or in what a start makes of the last one.
import { mutantOf as one } from '../support/mutate.ts';
import type { Mutant } from '../support/mutate.ts';

export const commitMutants: readonly Mutant[] = [
  one(
    'does not sync the data',
    'store/store.ts',
    'journal.append(more, data.sync)',
    'journal.append(more)',
  ),
  one(
    'does not sync the journal',
    'store/journal.ts',
    'await Promise.all([syncData?.(), mustSync(file)]);',
    'await syncData?.();',
  ),
  one(
    'acks before data and facts are both on flash',
    'store/journal.ts',
    'await Promise.all([syncData?.(), mustSync(file)]);',
    'const own = mustSync(file);\n      await Promise.race([syncData?.() ?? own, own]);',
  ),
  one(
    'does not check the data of the last commit',
    'store/confirm.ts',
    'if (kept.value) continue;',
    'continue;',
    'J1',
  ),
  one(
    'does not sync the data before it believes the last commit',
    'store/confirm.ts',
    'await data.sync();',
    '',
    'J4',
  ),
  one(
    'does not write the data of the last commit again after a failed sync',
    'store/confirm.ts',
    'const written = await data.write({ number, chunkIndex, data: read.value });',
    'const nothing = { number, chunkIndex, data: new Uint8Array(0) };\n' +
      '  const written = await data.write(nothing);',
    'J1',
  ),
  one(
    'removes the chunks of the last commit in memory only',
    'store/journal.ts',
    'removals.length > 0 ? await journal.amend(removals) : done',
    'done',
    'J23',
  ),
  one(
    'appends the removals as a commit of their own',
    'store/journal.ts',
    'removals.length > 0 ? await journal.amend(removals) : done',
    'removals.length > 0 ? await journal.append(removals) : done',
    'J23',
  ),
];
