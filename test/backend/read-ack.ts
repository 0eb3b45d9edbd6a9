// What a release of the server makes of the list of an ack (protocol 2.4, "Table of acks").
import type { ServerRules } from './server-rules.ts';

/** Returns the index of the chunk that the ack requests. */
export function readAck(
  rules: ServerRules,
  listed: readonly number[],
  isFirst: boolean,
): number | 'ignored' | 'throws' {
  const chunks = listed.toSorted((a, b) => a - b);
  if (isFirst && rules.isFirstAckEmpty && chunks.length > 0) return 'ignored';
  const isEmptyFatal = !isFirst && chunks.length === 0 && rules.isLaterEmptyFatal;
  const isLoneFatal = chunks.length === 1 && chunks[0] !== 1 && rules.isLoneIndexFatal;
  const isListFatal = chunks.length > 1 && isGapless(chunks) && rules.isListFatal;
  if (isEmptyFatal || isLoneFatal || isListFatal) return 'throws';
  return rules.isListLiteral ? lowestMissing(chunks) : nextIndex(chunks);
}

const isGapless = (sorted: readonly number[]) =>
  sorted.every((index, at) => at === 0 || index <= (sorted[at - 1] ?? 0) + 1);

/** Every index that the list lacks is missing (protocol 2.4, "Literal server"). */
function lowestMissing(chunks: readonly number[]): number {
  const held = new Set(chunks);
  let index = 1;
  while (held.has(index)) index += 1;
  return index;
}

/**
 * The first gap, else the index after the last; the server does not detect a missing chunk 1
 * (protocol 2.4).
 */
export function nextIndex(sorted: readonly number[]): number {
  let last = sorted[0] ?? 0;
  for (const index of sorted.slice(1)) {
    if (index > last + 1) return last + 1;
    last = index;
  }
  return last + 1;
}
