// Handles accept and decline by a user, through the control socket.
import { awaitsConsent, mayDecline } from './consent.ts';
import { combine, decision, inPhase, keyOf, log, nothing } from './decision-helpers.ts';
import { applyAll } from './fold.ts';
import { failure, recordOutcome, rejectStart } from './outcome.ts';
import { reserve } from './transfers.ts';
import type { Decision, Event, Fact } from './events.ts';
import type { State } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

/** Accepts an offered package, or permits further attempts of a package that failed too often. */
export function onConsent(settings: Settings, state: State, { id }: Of<'consent'>): Decision {
  const one = state.packages.get(keyOf(id));
  const isAwaited = one !== undefined && awaitsConsent(one);
  const consented: readonly Fact[] = isAwaited ? [{ kind: 'consented', id, by: 'person' }] : [];
  const accepted = decision({
    facts: [...consented, { kind: 'attempts-reset', id }],
    effects: [log('info', 'accepted', { ...id })],
  });
  // A deferred start of the server starts after the consent.
  const started = one !== undefined && inPhase(one, 'offered') ? one.started : undefined;
  if (started === undefined) return accepted;
  return combine(accepted, reserve(settings, applyAll(state, accepted.facts), { id, ...started }));
}

export function onDecline(state: State, { id }: Of<'decline'>): Decision {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || !mayDecline(one)) return nothing;
  const logged = decision({ effects: [log('info', 'declined', { ...id })] });
  const report = failure(id, 'user-declined', 'declined on the device');
  const { phase, started } = one;
  // The server did not start the package, so no report is required.
  const isQuiet = phase.kind === 'reporting' || (phase.kind === 'offered' && started === undefined);
  if (isQuiet) return { ...logged, facts: [{ kind: 'declined', id }] };
  // A server that started the transfer waits for an answer.
  const outcome = phase.kind === 'offered' ? rejectStart(one, report) : recordOutcome(one, report);
  return combine(logged, outcome);
}
