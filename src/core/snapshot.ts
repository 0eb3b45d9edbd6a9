// The minimal facts that replay to the same core state. A compacted journal contains them.
import { crcOf } from './chunk-set.ts';
import { transferOf } from './decision-helpers.ts';
import { chunksExpected } from './phases.ts';
import type { Fact } from './events.ts';
import type { Package, State } from './model.ts';

export function snapshot(state: State): readonly Fact[] {
  const packages = [...state.packages.values()].sort((a, b) => a.order - b.order);
  const facts: Fact[] = packages.flatMap(ofPackage);
  for (const id of state.confirmations) facts.push({ kind: 'confirmation-required', id });
  // After the packages, because the facts of packages record attempts, too.
  for (const entry of state.history.values()) facts.push({ kind: 'history-entry', entry });
  if (state.hasLostRecords) facts.push({ kind: 'records-lost' });
  const { nextNumber, nextOrder } = state;
  facts.push({ kind: 'counters', nextNumber, nextOrder });
  return facts;
}

function consentOf({ id, isByPerson }: Package): Fact {
  return isByPerson ? { kind: 'consented', id, by: 'person' } : { kind: 'consented', id };
}

function ofPackage(one: Package): readonly Fact[] {
  const { id, sizeBytes, update, order, phase, started } = one;
  const nextNumber = transferOf(one)?.number ?? 1;
  const offered: Fact = { kind: 'offered', id, sizeBytes, update };
  const facts: Fact[] = [{ kind: 'counters', nextNumber, nextOrder: order }, offered];
  if (phase.kind === 'offered') {
    return started === undefined
      ? facts
      : [...facts, { kind: 'start-deferred', id, start: started }];
  }
  if (phase.kind === 'reporting') return [...facts, ...ofReporting(one, phase, offered)];
  facts.push(consentOf(one));
  if (phase.kind === 'accepted') return facts;
  facts.push(...ofTransfer(one));
  if (phase.kind === 'receiving') return facts;
  facts.push({ kind: 'install-started', id, install: phase.install });
  if (phase.kind === 'rebooting') facts.push({ kind: 'reboot-pending', id, bootId: phase.bootId });
  return facts;
}

function ofReporting(
  one: Package,
  { report, again }: Extract<Package['phase'], { readonly kind: 'reporting' }>,
  offered: Fact,
): readonly Fact[] {
  const facts: Fact[] = [];
  if (one.isByPerson && again !== 'consented') facts.push(consentOf(one));
  facts.push({ kind: 'outcome-recorded', report, checksum: undefined });
  if (again !== 'no') facts.push(offered);
  if (again === 'consented') facts.push(consentOf(one));
  return facts;
}

function ofTransfer(one: Package): readonly Fact[] {
  const { id, phase } = one;
  const transfer = transferOf(one);
  if (transfer === undefined) return [];
  const { number, checksum, chunksCount, chunks, lastChunkBytes } = transfer;
  const facts: Fact[] = [{ kind: 'transfer-started', id, number, checksum, chunksCount }];
  if (one.isMultiPackage) facts.push({ kind: 'extra-package-seen', id });
  for (const [page, data] of chunks.pages.entries()) {
    if (data !== undefined) facts.push({ kind: 'chunk-page', number, page, data });
  }
  const chunkIndex = chunksExpected(chunksCount);
  const crc = crcOf(chunks, chunkIndex);
  if (crc !== undefined && lastChunkBytes !== undefined) {
    // A page does not contain the size of the last chunk.
    facts.push({ kind: 'chunk-stored', number, chunkIndex, sizeBytes: lastChunkBytes, crc });
  }
  const isFinished = phase.kind !== 'receiving' || phase.finished;
  return isFinished ? [...facts, { kind: 'transfer-complete', number }] : facts;
}
