// The reboot that an install requires. The agent requests it when `[reboot] allow` permits it, a
// limited number of times, and checks the device afterwards.
import {
  rebootAllowDelayMsMax,
  rebootAllowDelayMsMin,
  rebootDelayMs,
  rebootRequestsMax,
} from '../limits.ts';
import { combine, decision, log, nothing, packageIn, rebooting } from './decision-helpers.ts';
import { failure, recordOutcome } from './outcome.ts';
import { rebootingAtFirst } from './phases.ts';
import { permit } from './policy.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Event, Moment } from './events.ts';
import type { PackageId, Rebooting, State } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

export function requireReboot(
  settings: Settings,
  state: State,
  { id }: InPhase<'installing'>,
  moment: Moment,
): Decision {
  const pending = decision({
    facts: [{ kind: 'reboot-pending', id, bootId: state.bootId }],
    effects: [log('info', 'reboot-required', { ...id })],
  });
  return combine(pending, request(settings, state, id, rebootingAtFirst, moment));
}

/** Requests the reboot again, a limited number of times. */
export function rebootAgain(
  settings: Settings,
  state: State,
  { id, phase }: InPhase<'rebooting'>,
  moment: Moment,
): Decision {
  return request(settings, state, id, phase.now, moment);
}

function request(
  settings: Settings,
  state: State,
  id: PackageId,
  now: Rebooting,
  moment: Moment,
): Decision {
  const requests = now.requests + 1;
  if (requests > rebootRequestsMax) {
    const one = packageIn(state, id, 'rebooting');
    const count = now.requests;
    const description = `installed, but the device did not reboot after ${count} requests`;
    return recordOutcome(one, failure(id, 'install-failed', description));
  }
  const permission = permit(settings, state, 'reboot', id, moment);
  if (permission.kind === 'wait') {
    const deadlineMs = permission.untilMs ?? moment.nowMs + rebootDelayMs;
    return decision({ notes: [{ kind: 'rebooting', id, now: { ...now, deadlineMs } }] });
  }
  const deadlineMs = moment.nowMs + rebootDelayMs;
  return decision({
    notes: [{ kind: 'rebooting', id, now: { ...now, step: 'requested', requests, deadlineMs } }],
    effects: [{ kind: 'reboot', id }],
  });
}

export function onRebootRequested(state: State, event: Of<'reboot-requested'>): Decision {
  const { id, ok, description } = event;
  const one = packageIn(state, id, 'rebooting');
  const notes = one === undefined ? [] : [rebooting(one, { denial: undefined })];
  const effects = ok ? [] : [log('error', 'reboot-failed', { ...id, description })];
  return decision({ notes, effects });
}

/** A denied reboot was not requested, so it does not count as a request. */
export function onRebootDenied(
  state: State,
  { id, reason }: Of<'reboot-denied'>,
  moment: Moment,
): Decision {
  const one = packageIn(state, id, 'rebooting');
  if (one === undefined) return nothing;
  const { requests, denial } = one.phase.now;
  const count = (denial?.count ?? 0) + 1;
  const delayMs = Math.min(rebootAllowDelayMsMin * 2 ** (count - 1), rebootAllowDelayMsMax);
  const change = {
    requests: Math.max(0, requests - 1),
    deadlineMs: moment.nowMs + delayMs,
    denial: { count, reason },
  };
  return decision({
    notes: [rebooting(one, change)],
    effects: [log(count === 1 ? 'warn' : 'debug', 'reboot-denied', { ...id, reason })],
  });
}

export function onChecked(state: State, event: Of<'checked'>): Decision {
  const one = packageIn(state, event.id, 'rebooting');
  if (one === undefined) return nothing;
  const { id, ok, description } = event;
  return recordOutcome(one, { id, status: ok, code: ok ? 'ok' : 'install-failed', description });
}
