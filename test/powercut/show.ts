// Prints the results of a campaign in one line.
import type { Sum } from './campaign.ts';

export function sentenceOf(sum: Sum): string {
  const { cuts, dirtyCuts, heldCuts, writesLost, writesTorn, packages } = sum;
  const rate = ((cuts / sum.seconds) * 60).toFixed(1);
  return (
    `${cuts} cuts (${dirtyCuts} with writes in the cache or held, ${heldCuts} with held ones: ` +
    `${writesLost} lost, ${writesTorn} torn) in ${packages} packages; ${sum.chunksChecked} acked ` +
    `chunks and ${sum.startsChecked} starts checked, ${sum.chunksAgain} chunks sent again, ` +
    `${sum.violations.length} violations; ${rate} cuts a minute`
  );
}
