// What a person says of a package: accept or decline, through the control socket.
import { applyAll } from './apply.ts';
import { combine, decision, keyOf, log, nothing } from './decision-helpers.ts';
import { startHeld } from './on-start.ts';
import { recordOutcome, rejectStart } from './conclude-transfer.ts';
import type { Decision, Event, Fact } from './events.ts';
import type { State } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

/** Offered packages are accepted, those that failed too often may be tried again. */
export function onConsent(settings: Settings, state: State, { id }: Of<'consent'>): Decision {
  const one = state.packages.get(keyOf(id));
  const phase = one?.phase;
  const isOffered =
    phase?.kind === 'offered' || (phase?.kind === 'reporting' && phase.again === 'offered');
  const consented: readonly Fact[] = isOffered ? [{ kind: 'consented', id, by: 'person' }] : [];
  const accepted = decision({
    facts: [...consented, { kind: 'attempts-reset', id }],
    effects: [log('info', 'accepted', { ...id })],
  });
  if (one === undefined || phase?.kind !== 'offered') return accepted;
  return combine(accepted, startHeld(settings, applyAll(state, accepted.facts), one));
}

export function onDecline(state: State, { id }: Of<'decline'>): Decision {
  const one = state.packages.get(keyOf(id));
  if (one === undefined) return nothing;
  const said = decision({ effects: [log('info', 'declined', { ...id })] });
  const description = 'declined on the device';
  const report = { id, status: false, code: 'user-declined', description } as const;
  switch (one.phase.kind) {
    case 'offered':
      // A server that has begun waits until it hears.
      return one.started === undefined
        ? { ...said, facts: [{ kind: 'declined', id }] }
        : combine(said, rejectStart(one, report));
    case 'accepted':
    case 'receiving':
      // The server was asked for it and may have begun.
      return combine(said, recordOutcome(one, report));
    case 'reporting':
      return one.phase.again === 'no' ? nothing : { ...said, facts: [{ kind: 'declined', id }] };
    default:
      return nothing;
  }
}
