// An attempt to install: intended on flash before it starts, proven afterwards, never repeated
// blindly. After a cut the device is asked what is true before anything else.
import { installerBusyDelayMs } from '../limits.ts';
import { unreachable } from '../assert.ts';
import { attemptsOf } from './state-updates.ts';
import {
  combine,
  decision,
  inPhase,
  keyOf,
  log,
  nothing,
  running,
  runningOf,
} from './decision-helpers.ts';
import { awaitReboot } from './on-reboot.ts';
import { recordOutcome } from './conclude-transfer.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Event, Moment, InstallResult } from './events.ts';
import type { Install, Report, State } from './model.ts';
import type { Settings } from './settings.ts';

const fresh = { attempts: 0, method: undefined, isRerun: false, deadlineMs: undefined } as const;

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

export function onPrepared(state: State, event: Of<'prepared'>): Decision {
  const one = state.packages.get(keyOf(event.id));
  if (one === undefined || !inPhase(one, 'receiving')) return nothing;
  const { transfer } = one.phase;
  // Aborted and begun anew while the installer got ready: that answer is of the old data.
  if (transfer.number !== event.number || !one.phase.finished) return nothing;
  const attempt = attemptsOf(state, one.id, transfer.checksum) + 1;
  const install = { attempt, installer: event.installer, before: event.before };
  const next = { ...one, phase: { kind: 'installing', transfer, install } } as const;
  return state.hasLostRecords ? probeFirst(state, next) : start(state, next, install);
}

/** An attempt of this payload may be among the records that are lost. */
function probeFirst(state: State, one: InPhase<'installing'>): Decision {
  const { transfer, install } = one.phase;
  const { id } = one;
  return decision({
    facts: [{ kind: 'install-started', id, install }],
    notes: [running(state, id, { ...fresh, activity: 'probing', isUntried: true })],
    effects: [
      log('info', 'asked-before-install', { ...id, installer: install.installer }),
      { kind: 'probe', id, transfer, install },
    ],
  });
}

/**
 * The intent is durable before the installer runs; `work` is set so that a tick does not run it
 * twice.
 */
function start(state: State, one: InPhase<'installing'>, install: Install): Decision {
  const { transfer } = one.phase;
  const { attempt, installer } = install;
  return decision({
    facts: [{ kind: 'install-started', id: one.id, install }],
    notes: [running(state, one.id, { ...fresh, activity: 'installing' })],
    effects: [
      log('info', 'installing', { ...one.id, installer, attempt }),
      { kind: 'install', id: one.id, transfer, install },
    ],
  });
}

export function onNotPrepared(state: State, event: Of<'not-prepared'>): Decision {
  const one = state.packages.get(keyOf(event.id));
  if (one === undefined || !inPhase(one, 'receiving')) return nothing;
  if (one.phase.transfer.number !== event.number) return nothing;
  const { id, code, reason } = event;
  return recordOutcome(one, { id, status: false, code, description: reason });
}

export function onInstallEnded(
  settings: Settings,
  state: State,
  event: Of<'install-ended'>,
  moment: Moment,
): Decision {
  const one = state.packages.get(keyOf(event.id));
  if (one === undefined || !inPhase(one, 'installing')) return nothing;
  const { verdict } = event;
  switch (verdict.kind) {
    case 'installed':
    case 'failed':
      return recordOutcome(one, reportOf(event.id, verdict));
    case 'reboot-required':
      return awaitReboot(state, one, moment);
    case 'cut':
      return onCut(settings, state, one, verdict.description);
    case 'busy':
      return onBusy(settings, state, one, verdict.reason, moment);
    default:
      return unreachable(verdict);
  }
}

function reportOf(
  id: Report['id'],
  verdict: Extract<InstallResult, { readonly kind: 'installed' | 'failed' }>,
): Report {
  const { description } = verdict;
  if (verdict.kind === 'installed') return { id, status: true, code: 'ok', description };
  return { id, status: false, code: verdict.code, description };
}

/**
 * Nothing was tried, so it is no attempt; but nobody is waited for longer than an install may
 * take.
 */
function onBusy(
  settings: Settings,
  state: State,
  one: InPhase<'installing'>,
  reason: string,
  moment: Moment,
): Decision {
  const attempts = runningOf(state, one.id).attempts + 1;
  if (attempts * installerBusyDelayMs >= settings.installer.timeoutMs) {
    const description = `the installer stayed busy: ${reason}`;
    return recordOutcome(one, { id: one.id, status: false, code: 'install-failed', description });
  }
  const deadlineMs = moment.nowMs + installerBusyDelayMs;
  return decision({
    notes: [running(state, one.id, { activity: undefined, attempts, deadlineMs })],
    effects: [log(attempts === 1 ? 'warn' : 'debug', 'installer-busy', { ...one.id, reason })],
  });
}

export function runAgainWhenFree(state: State, one: InPhase<'installing'>): Decision {
  const { transfer, install } = one.phase;
  return decision({
    notes: [running(state, one.id, { activity: 'installing', deadlineMs: undefined })],
    effects: [{ kind: 'install', id: one.id, transfer, install }],
  });
}

/** The attempt is on flash already. */
function runUntried(state: State, one: InPhase<'installing'>): Decision {
  const { transfer, install } = one.phase;
  const { installer, attempt } = install;
  return decision({
    notes: [running(state, one.id, { activity: 'installing', isUntried: false })],
    effects: [
      log('info', 'installing', { ...one.id, installer, attempt }),
      { kind: 'install', id: one.id, transfer, install },
    ],
  });
}

/** What the device says after a cut in an attempt. */
export function onInstallProbed(
  settings: Settings,
  state: State,
  event: Of<'install-probed'>,
  moment: Moment,
): Decision {
  const one = state.packages.get(keyOf(event.id));
  if (one === undefined || !inPhase(one, 'installing')) return nothing;
  const { probe } = event;
  if (probe.kind === 'installed') {
    const { description } = probe;
    return recordOutcome(one, { id: one.id, status: true, code: 'ok', description });
  }
  if (probe.kind === 'reboot-required') return awaitReboot(state, one, moment);
  if (runningOf(state, one.id).isUntried) return runUntried(state, one);
  return onCut(settings, state, one, probe.description);
}

/** The next attempt, while there are some left; each start has a record of its own. */
function onCut(
  settings: Settings,
  state: State,
  one: InPhase<'installing'>,
  description: string,
): Decision {
  if (one.phase.install.attempt >= settings.installer.attempts) {
    return recordOutcome(one, exhausted(one, description));
  }
  if (runningOf(state, one.id).isDataLost) {
    return decision({
      facts: [{ kind: 'transfer-discarded', id: one.id }],
      effects: [{ kind: 'discard', number: one.phase.transfer.number }],
    });
  }
  const cut = log('warn', 'install-interrupted', { ...one.id, probe: description });
  const { transfer } = one.phase;
  if (runningOf(state, one.id).sha1 === transfer.checksum) {
    return combine(decision({ effects: [cut] }), runAgain(state, one));
  }
  // The payload was verified before the cut; it is again before it is used again.
  return decision({
    notes: [running(state, one.id, { activity: undefined, isRerun: true })],
    effects: [cut, { kind: 'hash', number: transfer.number }],
  });
}

/** Of the running installer only: what comes late says nothing of the next one. */
export function onProgress(state: State, event: Of<'progress'>): Decision {
  const one = state.packages.get(keyOf(event.id));
  if (one === undefined || !inPhase(one, 'installing')) return nothing;
  return decision({ notes: [running(state, one.id, { percent: event.percent })] });
}

function exhausted(one: InPhase<'installing'>, found: string): Report {
  const { attempt } = one.phase.install;
  const description = `cut in ${attempt} attempts, not tried again: ${found}`;
  return { id: one.id, status: false, code: 'install-failed', description };
}

/** The next attempt with what the first one found: its copy of the status file is the sound one. */
export function runAgain(state: State, one: InPhase<'installing'>): Decision {
  const { install } = one.phase;
  return start(state, one, { ...install, attempt: install.attempt + 1 });
}
