// An offer. It is durable before anything follows from it: the server never repeats a notify
// (protocol 2.1).
import { chunkBytes, chunksCountMax, packagesMax } from '../limits.ts';
import { applyAll } from './apply.ts';
import { isSame } from './known-servers.ts';
import { needsConsent } from './consent.ts';
import { combine, decision, keyOf, log, runningOf, transferOf } from './decision-helpers.ts';
import { recordOutcome } from './conclude-transfer.ts';
import type { Decision, Effect, Fact } from './events.ts';
import type { Offer, Package, Request, State, Update } from './model.ts';
import type { Settings } from './settings.ts';

export function onNotify(
  settings: Settings,
  state: State,
  request: Extract<Request, { kind: 'notify' }>,
): Decision {
  const facts: Fact[] = [];
  const refused: readonly Effect[] = request.refused.map((reason) =>
    log('warn', 'offer-invalid', { reason }),
  );
  if (request.services !== undefined && !isSame(state.server.services, request.services)) {
    facts.push({ kind: 'server-named', services: request.services });
  }
  const { server } = applyAll(state, facts);
  const { dialect, hasNoInstallTimeout = false } = request;
  const isKnown = server.dialect === dialect && server.hasNoInstallTimeout === hasNoInstallTimeout;
  if (dialect !== undefined && !isKnown) {
    facts.push({
      kind: 'dialect-learned',
      dialect,
      ...(hasNoInstallTimeout ? { hasNoInstallTimeout } : {}),
    });
  }
  let decided = decision({ facts, effects: refused });
  let now = applyAll(state, facts);
  for (const offer of request.offers) {
    const next = onOffer(settings, now, offer);
    decided = combine(decided, next);
    now = applyAll(now, next.facts, next.notes);
  }
  return decided;
}

function onOffer(settings: Settings, state: State, offer: Offer): Decision {
  const { id, sizeBytes } = offer;
  const one = state.packages.get(keyOf(id));
  if (one === undefined && state.packages.size >= packagesMax) {
    const fields = { ...id, limit: packagesMax };
    return decision({ effects: [log('warn', 'package-limit', fields)] });
  }
  const update = merged(offer.update, one);
  const offered: Fact = {
    kind: 'offered',
    id,
    sizeBytes,
    ...(update === undefined ? {} : { update }),
  };
  const isPersonAsked = needsConsent(settings, state, id, update);
  if (one !== undefined && one.phase.kind !== 'reporting') {
    return onOfferAgain(state, one, offered, isPersonAsked);
  }
  const facts: readonly Fact[] = isPersonAsked ? [offered] : [offered, { kind: 'consented', id }];
  const about = update === undefined ? {} : { description: update.description };
  const fields = { ...id, ...about, sizeBytes, isAsked: isPersonAsked };
  const taken = decision({ facts, effects: [log('info', 'package-offered', fields)] });
  const reason = tooLarge(offer);
  if (one !== undefined || reason === undefined) return taken;
  // Nobody needs to be asked about what can never be received.
  return combine(
    decision({ facts: [offered], effects: taken.effects }),
    recordOutcome(undefined, { id, status: false, code: 'general-error', description: reason }),
  );
}

/** A wish for a confirmation stands, whatever later notifies say. */
function merged(update: Update | undefined, one: Package | undefined): Update | undefined {
  if (update === undefined || one?.update?.isConfirmationWanted !== true) return update;
  return { ...update, isConfirmationWanted: true };
}

/**
 * An update is offered with its own size; that of a package may include its dependencies (protocol
 * 2.1), so there only the start tells.
 */
function tooLarge({ update, sizeBytes }: Offer): string | undefined {
  if (update === undefined || sizeBytes <= chunksCountMax * chunkBytes) return undefined;
  const limit = chunksCountMax * chunkBytes;
  return `too large: ${sizeBytes} bytes are offered, at most ${limit} can be received`;
}

/** Before the start the last offer counts; a transfer keeps what it began with. */
function onOfferAgain(
  state: State,
  one: Package,
  offered: Extract<Fact, { readonly kind: 'offered' }>,
  isPersonAsked: boolean,
): Decision {
  const { id, phase } = one;
  const isStarted = phase.kind === 'receiving' || runningOf(state, id).reservation !== undefined;
  const isEarly = phase.kind === 'offered' || phase.kind === 'accepted' || isStarted;
  if (!isEarly) return decision({});
  const isWanted = offered.update?.isConfirmationWanted === true;
  if (isWanted && !one.isByPerson && phase.kind !== 'offered') return withdraw(one, offered);
  if (isStarted) return decision({});
  const isConsented = phase.kind === 'offered' && !isPersonAsked;
  const facts: Fact[] = isNews(state, one, offered) ? [offered] : [];
  if (isConsented) facts.push({ kind: 'consented', id });
  return decision({ facts });
}

function isNews(
  state: State,
  one: Package,
  { sizeBytes, update }: Extract<Fact, { readonly kind: 'offered' }>,
): boolean {
  const isMoved = !isSame(one.services, state.server.services);
  const isOther = JSON.stringify(one.update) !== JSON.stringify(update);
  return isMoved || isOther || one.sizeBytes !== sizeBytes;
}

/** It was taken before the server could tell that a person is to be asked. */
function withdraw(one: Package, offered: Fact): Decision {
  const { id } = one;
  const transfer = transferOf(one);
  const { checksum, chunksCount } = transfer ?? { checksum: '', chunksCount: 0 };
  const held: readonly Fact[] =
    transfer === undefined
      ? []
      : [{ kind: 'start-deferred', id, start: { checksum, chunksCount } }];
  return decision({
    facts: [{ kind: 'consent-needed', id }, offered, ...held],
    effects: [
      log('warn', 'start-without-consent', { ...id }),
      ...(transfer === undefined ? [] : [{ kind: 'discard', number: transfer.number } as const]),
    ],
  });
}
