// Damage at rest, on the pure part of the agent: each byte turned and each sector zeroed of each
// journal that a journey writes, decoded, folded, and held against what the journal said before.
import { replay } from '../../src/core/apply.ts';
import { transferOf } from '../../src/core/decision.ts';
import { decodeJournal } from '../../src/store/decode.ts';
import { factOf, isCopied } from '../../src/store/record.ts';
import { scan } from '../../src/store/scan.ts';
import type { Package, State } from '../../src/core/model.ts';

export type Sweep = {
  bytes: number;
  sectors: number;
  /** Damage that was taken for the end of an interrupted append; something was said all the same. */
  tails: number;
  readonly failures: string[];
};

export const newSweep = (): Sweep => ({ bytes: 0, sectors: 0, tails: 0, failures: [] });

const failuresMax = 5;

/** All from `from` on: what lies before was swept when the journal was shorter. */
export function sweep(journal: Buffer, from: number, sectorBytes: number, all: Sweep): void {
  const before = replay(decodeJournal(journal).facts);
  const data = Buffer.from(journal);
  for (let at = from; at < data.length; at += 1) {
    const was = data[at] ?? 0;
    data[at] = was ^ (1 << at % 8);
    all.bytes += 1;
    check(`byte ${at} of ${data.length}`, data, before, all);
    data[at] = was;
  }
  for (let at = from - (from % sectorBytes); at < data.length; at += sectorBytes) {
    const end = Math.min(data.length, at + sectorBytes);
    const was = Buffer.from(data.subarray(at, end));
    if (was.every((byte) => byte === 0)) continue;
    data.fill(0, at, end);
    all.sectors += 1;
    check(`sector at ${at} of ${data.length}`, data, before, all);
    data.set(was, at);
  }
}

function check(what: string, data: Buffer, before: State, all: Sweep): void {
  if (all.failures.length >= failuresMax) return;
  let complaint: string | undefined;
  try {
    const decoded = decodeJournal(data);
    const { damages, tornBytes, isForeign, lostCount } = decoded;
    const isSaid = damages.length > 0 || tornBytes > 0;
    if (damages.length === 0) all.tails += 1;
    const after = replay(decoded.facts);
    if (isForeign) complaint = 'is taken for a stranger';
    else if (!isSaid) complaint = 'is not noticed';
    else if (lostCount > 0 && !after.hasLostRecords) complaint = 'no installer would be asked';
    else complaint = lossIn(before, after, damages.length > 0 && lostCount === 0);
  } catch (error) {
    complaint = String(error);
  }
  if (complaint !== undefined) all.failures.push(`${what}: ${complaint}`);
}

const attemptOf = ({ phase }: Package) => ('install' in phase ? phase.install : undefined);

/** What may be lost is chunks: they are received again. */
function lossIn(before: State, after: State, isWhole: boolean): string | undefined {
  for (const [key, one] of before.packages) {
    const now = after.packages.get(key);
    if (now === undefined) return `${key} is forgotten`;
    const [was, is] = [one.phase, now.phase];
    if (was.kind !== is.kind) return `${key} was ${was.kind} and is ${is.kind}`;
    if (was.kind === 'settling' && JSON.stringify(was) !== JSON.stringify(is)) {
      return `${key}: another report is owed`;
    }
    const isSame = JSON.stringify(attemptOf(one)) === JSON.stringify(attemptOf(now));
    if (!isSame) return `${key}: another attempt`;
    const [had, has] = [transferOf(one)?.held.count ?? 0, transferOf(now)?.held.count ?? 0];
    if (has > had) return `${key}: holds what it did not`;
    if (isWhole && has < had) return `${key}: lost chunks, and no record is said to be lost`;
  }
  if (after.packages.size > before.packages.size) return 'a package that is over came back';
  if (JSON.stringify([...before.ledger]) !== JSON.stringify([...after.ledger])) {
    return 'other attempts are remembered';
  }
  return JSON.stringify(before.backend.services) === JSON.stringify(after.backend.services)
    ? undefined
    : 'the server is forgotten';
}

/**
 * Nothing is damaged yet, and each record that is written twice is there twice. A fault right after
 * an append, before its copies, may cost what has no copy.
 */
export function isSound(journal: Buffer): boolean {
  const { frames, damages, soundBytes } = scan(journal);
  if (damages.length > 0 || soundBytes < journal.length) return false;
  const copies = new Set(frames.filter(({ isCopy }) => isCopy).map(({ sequence }) => sequence));
  const originals = frames.filter(({ isCopy, payload }) => {
    const fact = factOf(payload);
    return !isCopy && fact !== undefined && isCopied(fact);
  });
  return originals.length > 0 && originals.every(({ sequence }) => copies.has(sequence));
}
