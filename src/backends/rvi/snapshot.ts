// Returns the facts that, after those of the core, replay to the same state; for compaction.
import type { KnownServer, ResumeContext, RviAgentState, RviFact } from './model.ts';

export function snapshot({ core, backend }: RviAgentState): readonly RviFact[] {
  const facts: RviFact[] = [];
  // Each `server-named` moves a server to the end of the list, so the order matters.
  for (const one of [...backend.previousServers, backend.server]) facts.push(...ofServer(one));
  for (const [key, origin] of backend.origins) {
    const id = core.packages.get(key)?.id;
    if (id !== undefined) facts.push({ kind: 'package-origin', id, ...origin });
  }
  const { inventoryRequest } = backend;
  if (inventoryRequest !== undefined) {
    const { services } = inventoryRequest;
    facts.push({ kind: 'inventory-requested', ...(services === undefined ? {} : { services }) });
  }
  return facts;
}

function ofServer(one: KnownServer): readonly RviFact[] {
  const { services, dialect, hasNoInstallTimeout, learned } = one;
  const facts: RviFact[] = [];
  if (services !== undefined) facts.push({ kind: 'server-named', services });
  if (dialect !== undefined) {
    const patience = hasNoInstallTimeout ? { hasNoInstallTimeout } : {};
    facts.push({ kind: 'dialect-learned', dialect, ...patience });
  }
  const contexts: readonly ResumeContext[] = ['after-start', 'resume'];
  for (const context of contexts) {
    const method = learned[context];
    if (method !== undefined) facts.push({ kind: 'resume-method-learned', context, method });
  }
  if (learned.ack !== undefined) facts.push({ kind: 'ack-list-learned', list: learned.ack });
  return facts;
}
