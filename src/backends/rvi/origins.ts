// Which server offered a package. The report goes to the server of the last offer. Messages after
// the report go to that of the next offer. An offer never redirects a transfer.
import { keyOf } from '../../core/decision-helpers.ts';
import type { Fact } from '../../core/events.ts';
import type { PackageId, Phase, State } from '../../core/model.ts';
import type { Origin, RviFact, RviState } from './model.ts';

const unknown: Origin = { services: undefined, offeredBy: undefined };

/** Folds a fact of the core: `before` and `after` are the packages around it. */
export function originsAfter(own: RviState, fact: Fact, before: State, after: State): RviState {
  const id = idOf(fact);
  if (id === undefined) return own;
  const key = keyOf(id);
  const was = before.packages.get(key)?.phase;
  const now = after.packages.get(key)?.phase;
  const origins = new Map(own.origins);
  if (now === undefined) origins.delete(key);
  else origins.set(key, next(own, origins.get(key) ?? unknown, fact.kind, was, now));
  return { ...own, origins };
}

/** Facts that create a package, or change its server. */
function idOf(fact: Fact): PackageId | undefined {
  switch (fact.kind) {
    case 'offered':
    case 'consent-needed':
    case 'declined':
    case 'transfer-started':
    case 'aborted':
    case 'report-confirmed':
      return fact.id;
    case 'outcome-recorded':
      return fact.report.id;
    default:
      return undefined;
  }
}

function next(
  { server }: RviState,
  origin: Origin,
  kind: Fact['kind'],
  was: Phase | undefined,
  now: Phase,
): Origin {
  const { services } = server;
  if (was === undefined) return { services, offeredBy: undefined };
  const isAgain = was.kind === 'reporting' && was.again !== 'no';
  if (kind === 'declined' || kind === 'aborted') {
    const isOpen = now.kind === 'reporting' && now.again !== 'no';
    return isOpen ? origin : { ...origin, offeredBy: undefined };
  }
  if (kind !== 'offered') {
    return { services: isAgain ? origin.offeredBy : origin.services, offeredBy: undefined };
  }
  if (now.kind === 'reporting') return { ...origin, offeredBy: services };
  const isOpen = now.kind !== 'offered' && now.kind !== 'accepted';
  return isOpen ? origin : { ...origin, services };
}

export function originSet(
  own: RviState,
  { id, services, offeredBy }: Extract<RviFact, { readonly kind: 'package-origin' }>,
): RviState {
  return { ...own, origins: new Map(own.origins).set(keyOf(id), { services, offeredBy }) };
}
