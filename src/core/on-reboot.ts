// The reboot that an install needs: asked for when the device permits it, a bounded number of
// times, and checked afterwards.
import {
  rebootAllowDelayMsMax,
  rebootAllowDelayMsMin,
  rebootDelayMs,
  rebootRequestsMax,
} from '../limits.ts';
import { decision, inPhase, keyOf, log, nothing, running, runningOf } from './decision-helpers.ts';
import { recordOutcome } from './conclude-transfer.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Event, Moment } from './events.ts';
import type { Report, State } from './model.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

export function awaitReboot(state: State, one: InPhase<'installing'>, moment: Moment): Decision {
  return decision({
    facts: [{ kind: 'reboot-pending', id: one.id, bootId: state.bootId }],
    notes: [rebootNote(state, one.id, 1, moment)],
    effects: [log('info', 'reboot-required', { ...one.id }), { kind: 'reboot', id: one.id }],
  });
}

function rebootNote(state: State, id: Report['id'], attempts: number, moment: Moment) {
  const deadlineMs = moment.nowMs + rebootDelayMs;
  return running(state, id, { activity: undefined, attempts, deadlineMs, isRerun: false });
}

/** The reboot did not come: ask again, a bounded number of times. */
export function rebootAgain(state: State, one: InPhase<'rebooting'>, moment: Moment): Decision {
  const asked = runningOf(state, one.id).attempts + 1;
  if (asked > rebootRequestsMax) {
    const description = `installed, but the reboot it needs did not come (${asked - 1} requests)`;
    return recordOutcome(one, { id: one.id, status: false, code: 'install-failed', description });
  }
  return decision({
    notes: [rebootNote(state, one.id, asked, moment)],
    effects: [{ kind: 'reboot', id: one.id }],
  });
}

export function onRebootAsked(state: State, event: Of<'reboot-requested'>): Decision {
  const { id, ok, description } = event;
  const one = state.packages.get(keyOf(id));
  const isOpen = one !== undefined && inPhase(one, 'rebooting');
  const notes = isOpen ? [running(state, id, { denial: undefined })] : [];
  const effects = ok ? [] : [log('error', 'reboot-failed', { ...id, description })];
  return decision({ notes, effects });
}

/** No request left the agent, so it does not count as one. */
export function onRebootDenied(
  state: State,
  { id, reason }: Of<'reboot-denied'>,
  moment: Moment,
): Decision {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || !inPhase(one, 'rebooting')) return nothing;
  const { attempts, denial } = runningOf(state, id);
  const count = (denial?.count ?? 0) + 1;
  const delayMs = Math.min(rebootAllowDelayMsMin * 2 ** (count - 1), rebootAllowDelayMsMax);
  const change = {
    attempts: Math.max(0, attempts - 1),
    deadlineMs: moment.nowMs + delayMs,
    denial: { count, reason },
  };
  return decision({
    notes: [running(state, id, change)],
    effects: [log(count === 1 ? 'warn' : 'debug', 'reboot-denied', { ...id, reason })],
  });
}

export function onChecked(state: State, event: Of<'checked'>): Decision {
  const one = state.packages.get(keyOf(event.id));
  if (one === undefined || !inPhase(one, 'rebooting')) return nothing;
  const { id, ok, description } = event;
  return recordOutcome(one, { id, status: ok, code: ok ? 'ok' : 'install-failed', description });
}
