// The shortest list of facts that replays to the same state; what a rewritten journal holds.
import { transferOf } from './decision.ts';
import { crcOf } from './held.ts';
import { chunksExpected } from './ladder.ts';
import type { Fact } from './events.ts';
import type { Backend, Package, Situation, State } from './model.ts';

export function snapshot(state: State): readonly Fact[] {
  const facts: Fact[] = [...state.others, state.backend].flatMap(ofBackend);
  const packages = [...state.packages.values()].sort((a, b) => a.order - b.order);
  for (const one of packages) facts.push(...ofPackage(one));
  // Behind the packages: their facts note attempts of their own.
  for (const entry of state.ledger.values()) facts.push({ kind: 'remembered', entry });
  if (state.listing !== undefined) facts.push({ kind: 'packages-asked' });
  if (state.hasLostRecords) facts.push({ kind: 'records-lost' });
  const { nextNumber, nextOrder } = state;
  facts.push({ kind: 'counted', nextNumber, nextOrder });
  return facts;
}

function ofBackend({ services, dialect, isPatient, learnt }: Backend): readonly Fact[] {
  const facts: Fact[] = [];
  if (services !== undefined) facts.push({ kind: 'backend-named', services });
  if (dialect !== undefined) {
    facts.push({ kind: 'dialect-learnt', dialect, ...(isPatient ? { isPatient } : {}) });
  }
  const situations: readonly Situation[] = ['after-start', 'resume'];
  for (const situation of situations) {
    const rung = learnt[situation];
    if (rung !== undefined) facts.push({ kind: 'rung-learnt', situation, rung });
  }
  return facts;
}

function ofPackage(one: Package): readonly Fact[] {
  const { id, sizeBytes, update, phase } = one;
  const facts: Fact[] = [
    { kind: 'counted', nextNumber: transferOf(one)?.number ?? 1, nextOrder: one.order },
    { kind: 'offered', id, sizeBytes, update },
  ];
  if (phase.kind === 'offered') return facts;
  if (phase.kind === 'settling') {
    facts.push({ kind: 'settled', report: phase.report, checksum: undefined });
    if (phase.again !== 'no') facts.push({ kind: 'offered', id, sizeBytes, update });
    if (phase.again === 'consented') facts.push({ kind: 'consented', id });
    return facts;
  }
  facts.push({ kind: 'consented', id });
  if (phase.kind === 'accepted') return facts;
  const { number, checksum, chunksCount, held } = phase.transfer;
  facts.push({ kind: 'opened', id, number, checksum, chunksCount });
  if (one.isSplit) facts.push({ kind: 'split', id });
  for (const [page, data] of held.pages.entries()) {
    if (data !== undefined) facts.push({ kind: 'page-held', number, page, data });
  }
  const lastIndex = chunksExpected(chunksCount);
  const crc = crcOf(held, lastIndex);
  if (crc !== undefined && phase.transfer.lastChunkBytes !== undefined) {
    // The pages do not tell the size of the last chunk.
    const sizeBytes = phase.transfer.lastChunkBytes;
    facts.push({ kind: 'chunk-held', number, chunkIndex: lastIndex, sizeBytes, crc });
  }
  if (phase.kind === 'receiving') {
    if (phase.finished) facts.push({ kind: 'finished', number });
    return facts;
  }
  facts.push({ kind: 'finished', number });
  facts.push({ kind: 'install-intended', id, install: phase.install });
  if (phase.kind === 'rebooting') facts.push({ kind: 'reboot-awaited', id, bootId: phase.bootId });
  return facts;
}
