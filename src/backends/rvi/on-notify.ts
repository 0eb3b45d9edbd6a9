// Handles an offer. It is durable before any effect, because the server never repeats a notify
// (protocol 2.1).
import { applyAll } from '../../core/fold.ts';
import { log } from '../../core/decision-helpers.ts';
import { onOffer } from '../../core/offers.ts';
import { apply } from './apply.ts';
import { combine, decision } from './decision.ts';
import { isSame, servicesOfOrigin } from './known-servers.ts';
import type { Settings } from './settings.ts';
import type { Request } from './messages.ts';
import type { Decision, RviAgentState, RviFact, RviState } from './model.ts';

export function onNotify(
  settings: Settings,
  state: RviAgentState,
  request: Extract<Request, { readonly kind: 'notify' }>,
): Decision {
  const { core, backend } = state;
  const facts = factsOf(state, request);
  const own = facts.reduce((next, fact) => apply(next, fact, core, core), backend);
  const effects = request.refused.map((reason) => log('warn', 'offer-invalid', { reason }));
  let decided: Decision = decision({ facts, effects });
  let now = core;
  for (const offer of request.offers) {
    const isMoved = !isSame(servicesOfOrigin(own, offer.id), own.server.services);
    const next = onOffer(settings, now, offer, isMoved);
    decided = combine(decided, next);
    now = applyAll(now, next.facts, next.notes);
  }
  return decided;
}

/** Records what the notify shows about the server. */
function factsOf(
  { core, backend }: RviAgentState,
  request: Extract<Request, { readonly kind: 'notify' }>,
): readonly RviFact[] {
  const { services, dialect, hasNoInstallTimeout = false } = request;
  const isNamed = services === undefined || isSame(backend.server.services, services);
  const named: readonly RviFact[] = isNamed ? [] : [{ kind: 'server-named', services }];
  const { server } = named.reduce<RviState>((own, fact) => apply(own, fact, core, core), backend);
  if (dialect === undefined) return named;
  const isKnown = server.dialect === dialect && server.hasNoInstallTimeout === hasNoInstallTimeout;
  if (isKnown) return named;
  const patience = hasNoInstallTimeout ? { hasNoInstallTimeout } : {};
  return [...named, { kind: 'dialect-learned', dialect, ...patience }];
}
