// Prints the results of a campaign in one line.
import type { Sum } from './campaign.ts';

export function sentenceOf(sum: Sum): string {
  const { cuts, dirtyCuts, writesLost, writesTorn, chunksChecked, chunksAgain, packages } = sum;
  const rate = ((cuts / sum.seconds) * 60).toFixed(1);
  return (
    `${cuts} cuts (${dirtyCuts} with writes in the cache: ${writesLost} lost, ${writesTorn} ` +
    `torn) in ${packages} packages; ${chunksChecked} acked chunks checked, ${chunksAgain} sent ` +
    `again, ${sum.violations.length} violations; ${rate} cuts a minute`
  );
}
