// Handles offers. An offer is durable before the agent acts on it, because some servers send it
// only once.
import { chunkBytes, chunksCountMax, packagesMax } from '../limits.ts';
import { needsConsent } from './consent.ts';
import {
  combine,
  decision,
  keyOf,
  label,
  log,
  nothing,
  reservationOf,
  transferOf,
} from './decision-helpers.ts';
import { failure, recordOutcome } from './outcome.ts';
import type { Decision, Fact } from './events.ts';
import type { Offer, Package, PackageId, State, Update } from './model.ts';
import type { Settings } from './settings.ts';

type Offered = Extract<Fact, { readonly kind: 'offered' }>;

/** `isMoved`: the package was offered by another server before. */
export function onOffer(
  settings: Settings,
  state: State,
  given: Offer,
  isMoved: boolean,
): Decision {
  const { id, sizeBytes } = given;
  const one = state.packages.get(keyOf(id));
  if (one === undefined && state.packages.size >= packagesMax) {
    const fields = { ...id, limit: packagesMax };
    return decision({ effects: [log('warn', 'package-limit', fields)] });
  }
  const update = merged(given.update, one);
  const about = update === undefined ? {} : { update };
  const offered: Offered = { kind: 'offered', id, sizeBytes, ...about };
  const isAsked = needsConsent(settings, state, id, update);
  if (one !== undefined && one.phase.kind !== 'reporting') {
    return onOfferAgain(one, offered, isAsked, isMoved);
  }
  const described = update === undefined ? {} : { description: update.description };
  const fields = { ...id, ...described, sizeBytes, isAsked };
  const effects = [log('info', 'package-offered', fields)];
  const reason = tooLarge(given);
  if (one !== undefined || reason === undefined) {
    return decision({ facts: isAsked ? [offered] : [offered, { kind: 'consented', id }], effects });
  }
  // A package that is too large is rejected without consent.
  const rejected = recordOutcome(undefined, failure(id, 'general-error', reason));
  return combine(decision({ facts: [offered], effects }), rejected);
}

/** A required confirmation stays required, even if a later offer does not require it. */
function merged(update: Update | undefined, one: Package | undefined): Update | undefined {
  if (update === undefined || one?.update?.isConfirmationWanted !== true) return update;
  return { ...update, isConfirmationWanted: true };
}

/**
 * The offer of an update has the size of the update. The size of a package may include its
 * dependencies (protocol 2.1), so for a package only the start has the exact size.
 */
function tooLarge({ update, sizeBytes }: Offer): string | undefined {
  const limit = chunksCountMax * chunkBytes;
  if (update === undefined || sizeBytes <= limit) return undefined;
  return `too large: ${sizeBytes} bytes offered, limit ${limit}`;
}

/** Before the start the last offer applies. A transfer keeps the offer that it started with. */
function onOfferAgain(
  one: Package,
  offered: Offered,
  isAsked: boolean,
  isMoved: boolean,
): Decision {
  const { id, phase } = one;
  const isStarted = phase.kind === 'receiving' || reservationOf(one) !== undefined;
  const isEarly = phase.kind === 'offered' || phase.kind === 'accepted' || isStarted;
  if (!isEarly) return nothing;
  const isWanted = offered.update?.isConfirmationWanted === true;
  if (isWanted && !one.isByPerson && phase.kind !== 'offered') return withdraw(one, offered);
  if (isStarted) return nothing;
  const facts: Fact[] = isMoved || isNews(one, offered) ? [offered] : [];
  if (phase.kind === 'offered' && !isAsked) facts.push({ kind: 'consented', id });
  return decision({ facts });
}

function isNews(one: Package, { sizeBytes, update }: Offered): boolean {
  return JSON.stringify(one.update) !== JSON.stringify(update) || one.sizeBytes !== sizeBytes;
}

/** The policy accepted the package before the server required a confirmation. */
function withdraw(one: Package, offered: Fact): Decision {
  const { id } = one;
  const transfer = transferOf(one);
  const facts: Fact[] = [{ kind: 'consent-needed', id }, offered];
  if (transfer !== undefined) {
    const { checksum, chunksCount } = transfer;
    facts.push({ kind: 'start-deferred', id, start: { checksum, chunksCount } });
  }
  return decision({
    facts,
    effects: [
      log('warn', 'start-without-consent', { ...id }),
      ...(transfer === undefined ? [] : [{ kind: 'discard', number: transfer.number } as const]),
    ],
  });
}

/** The server aborts a package before its install started. */
export function cancel(one: Package): Decision {
  const number = transferOf(one)?.number;
  const { id } = one;
  return decision({
    facts: [{ kind: 'aborted', id }],
    effects: [
      log('warn', 'aborted-by-server', { package: label(id) }),
      ...(number === undefined ? [] : [{ kind: 'discard', number } as const]),
    ],
  });
}

/** The server aborts a transfer before space is reserved. The package stays unchanged. */
export function cancelReservation(id: PackageId): Decision {
  return decision({ notes: [{ kind: 'reservation', id, reservation: undefined }] });
}
