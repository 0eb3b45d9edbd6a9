// Removes the files of finished transfers. If the removal fails, the agent retries later.
import { discardDelayMs } from '../limits.ts';
import { decision, log, nothing } from './decision-helpers.ts';
import type { Decision, Event, Moment } from './events.ts';
import type { State } from './model.ts';

export function onDiscarded(
  state: State,
  { number, reason }: Extract<Event, { readonly kind: 'discarded' }>,
  moment: Moment,
): Decision {
  const known = state.cleanups.get(number);
  if (reason === undefined) {
    if (known === undefined) return nothing;
    return decision({ notes: [{ kind: 'leftover', number, dueMs: undefined }] });
  }
  const dueMs = moment.nowMs + discardDelayMs;
  return decision({
    notes: [{ kind: 'leftover', number, dueMs }],
    effects: [log(known === undefined ? 'warn' : 'debug', 'cleanup-failed', { number, reason })],
  });
}

export function removeAgain(number: number, moment: Moment): Decision {
  const dueMs = moment.nowMs + discardDelayMs;
  return decision({
    notes: [{ kind: 'leftover', number, dueMs }],
    effects: [{ kind: 'discard', number }],
  });
}
