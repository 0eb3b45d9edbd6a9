// The shortest list of facts that replays to the same state; what a rewritten journal holds.
import { isSame } from './known-servers.ts';
import { transferOf } from './decision-helpers.ts';
import { crcOf } from './chunk-set.ts';
import { chunksExpected } from './resume-strategy.ts';
import type { Fact } from './events.ts';
import type { KnownServer, ServerServices, Package, ResumeContext, State } from './model.ts';

export function snapshot(state: State): readonly Fact[] {
  const packages = [...state.packages.values()].sort((a, b) => a.order - b.order);
  const facts: Fact[] = ofUnnamed(packages);
  const places = facts.length > 0;
  let named: ServerServices | undefined;
  const name = (services: ServerServices | undefined): void => {
    if (services === undefined || isSame(services, named)) return;
    named = services;
    facts.push({ kind: 'server-named', services });
  };
  for (const one of packages) {
    name(one.services);
    const isPlaced = places && one.services === undefined;
    facts.push(...ofPackage(one, isPlaced));
    if (one.phase.kind !== 'reporting' || one.phase.again === 'no') continue;
    name(one.phase.offeredBy);
    facts.push(...ofNextOffer(one, one.phase.again));
  }
  // Each name moves a backend to the end, so the order is made here.
  for (const one of [...state.previousServers, state.server]) facts.push(...ofBackend(one));
  for (const id of state.confirmations) facts.push({ kind: 'confirmation-required', id });
  // Behind the packages: their facts note attempts of their own.
  for (const entry of state.history.values()) facts.push({ kind: 'history-entry', entry });
  const { inventoryRequest } = state;
  if (inventoryRequest !== undefined) {
    const to =
      inventoryRequest.services === undefined ? {} : { services: inventoryRequest.services };
    facts.push({ kind: 'inventory-requested', ...to });
  }
  if (state.hasLostRecords) facts.push({ kind: 'records-lost' });
  const { nextNumber, nextOrder } = state;
  facts.push({ kind: 'counters', nextNumber, nextOrder });
  return facts;
}

/**
 * A package that came before any backend was named stays without one, also where an earlier one
 * has found its backend since: then all take their places before the first name.
 */
function ofUnnamed(packages: readonly Package[]): Fact[] {
  const lastUnnamed = packages.findLastIndex(({ services }) => services === undefined);
  const firstNamed = packages.findIndex((one) => isNamed(one));
  if (lastUnnamed < 0 || firstNamed < 0 || firstNamed >= lastUnnamed) return [];
  return packages.slice(0, lastUnnamed + 1).flatMap(offerOf);
}

function isNamed({ services, phase }: Package): boolean {
  if (services !== undefined) return true;
  return phase.kind === 'reporting' && phase.again !== 'no' && phase.offeredBy !== undefined;
}

function offerOf(one: Package): readonly Fact[] {
  const { id, sizeBytes, update, order } = one;
  return [
    { kind: 'counters', nextNumber: transferOf(one)?.number ?? 1, nextOrder: order },
    { kind: 'offered', id, sizeBytes, update },
  ];
}

function ofNextOffer(
  { id, sizeBytes, update, isByPerson }: Package,
  again: 'offered' | 'consented',
): readonly Fact[] {
  const offered: Fact = { kind: 'offered', id, sizeBytes, update };
  return again === 'offered' ? [offered] : [offered, consentOf(id, isByPerson)];
}

const consentOf = (id: Package['id'], isByPerson: boolean): Fact =>
  isByPerson ? { kind: 'consented', id, by: 'person' } : { kind: 'consented', id };

function ofBackend({
  services,
  dialect,
  hasNoInstallTimeout,
  learned,
}: KnownServer): readonly Fact[] {
  const facts: Fact[] = [];
  if (services !== undefined) facts.push({ kind: 'server-named', services });
  if (dialect !== undefined) {
    facts.push({
      kind: 'dialect-learned',
      dialect,
      ...(hasNoInstallTimeout ? { hasNoInstallTimeout } : {}),
    });
  }
  const contexts: readonly ResumeContext[] = ['after-start', 'resume'];
  for (const context of contexts) {
    const method = learned[context];
    if (method !== undefined) facts.push({ kind: 'resume-method-learned', context, method });
  }
  return facts;
}

function ofPackage(one: Package, isPlaced: boolean): readonly Fact[] {
  const { id, phase, started } = one;
  const facts: Fact[] = isPlaced ? [] : [...offerOf(one)];
  if (phase.kind === 'offered') {
    return started === undefined
      ? facts
      : [...facts, { kind: 'start-deferred', id, start: started }];
  }
  if (phase.kind === 'reporting') {
    if (one.isByPerson && phase.again !== 'consented') facts.push(consentOf(id, true));
    facts.push({ kind: 'outcome-recorded', report: phase.report, checksum: undefined });
    return facts;
  }
  facts.push(consentOf(id, one.isByPerson));
  if (phase.kind === 'accepted') return facts;
  const { number, checksum, chunksCount, chunks } = phase.transfer;
  facts.push({ kind: 'transfer-started', id, number, checksum, chunksCount });
  if (one.isMultiPackage) facts.push({ kind: 'extra-package-seen', id });
  for (const [page, data] of chunks.pages.entries()) {
    if (data !== undefined) facts.push({ kind: 'chunk-page', number, page, data });
  }
  const lastIndex = chunksExpected(chunksCount);
  const crc = crcOf(chunks, lastIndex);
  if (crc !== undefined && phase.transfer.lastChunkBytes !== undefined) {
    // The pages do not tell the size of the last chunk.
    const sizeBytes = phase.transfer.lastChunkBytes;
    facts.push({ kind: 'chunk-stored', number, chunkIndex: lastIndex, sizeBytes, crc });
  }
  if (phase.kind === 'receiving') {
    if (phase.finished) facts.push({ kind: 'transfer-complete', number });
    return facts;
  }
  facts.push({ kind: 'transfer-complete', number });
  facts.push({ kind: 'install-started', id, install: phase.install });
  if (phase.kind === 'rebooting') facts.push({ kind: 'reboot-pending', id, bootId: phase.bootId });
  return facts;
}
