// An attempt to install. It is on flash before the installer starts. After an interruption the
// agent probes the device first, and retries only if the package is not installed.
import { unreachable } from '../assert.ts';
import { beforeBytesMax, installerBusyDelayMs } from '../limits.ts';
import { combine, decision, inPhase, installing, keyOf, log, nothing } from './decision-helpers.ts';
import { packageIn, receiving } from './decision-helpers.ts';
import { failure, recordOutcome } from './outcome.ts';
import { installingAtFirst, installingPhase } from './phases.ts';
import { permit } from './policy.ts';
import { requireReboot } from './reboot.ts';
import { attemptsOf } from './state-updates.ts';
import { verify } from './verify.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Event, InstallResult, Moment, PrepareFailure } from './events.ts';
import type { Install, Installing, Report, State } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

export function onPrepared(
  settings: Settings,
  state: State,
  event: Of<'prepared'>,
  moment: Moment,
): Decision {
  const one = packageIn(state, event.id, 'receiving');
  // If the transfer was aborted and started again, this result is about the old data.
  if (one === undefined || one.phase.transfer.number !== event.number) return nothing;
  if (!one.phase.finished) return nothing;
  const permission = permit(settings, state, 'install', one.id, moment);
  if (permission.kind === 'wait') {
    const prepareAtMs = permission.untilMs ?? moment.nowMs + installerBusyDelayMs;
    return decision({
      notes: [receiving(one, { isPreparing: false, prepareAtMs })],
      effects: [log('info', 'install-postponed', { ...one.id, reason: permission.reason })],
    });
  }
  const { transfer, now } = one.phase;
  const attempt = attemptsOf(state, one.id, transfer.checksum) + 1;
  const install = { attempt, installer: event.installer, before: event.before };
  const next = {
    ...one,
    phase: { ...installingPhase(transfer, install), kind: 'installing' },
  } as const;
  return state.hasLostRecords ? probeFirst(next, now.sha1) : start(next, install, now.sha1);
}

/** The wait for permission ended. The installer prepares again. */
export function prepareAgain(one: InPhase<'receiving'>): Decision {
  return decision({
    notes: [receiving(one, { isPreparing: true, prepareAtMs: undefined })],
    effects: [{ kind: 'prepare', id: one.id, transfer: one.phase.transfer }],
  });
}

/** The lost records may contain an attempt of this payload. */
function probeFirst(one: InPhase<'installing'>, sha1: string | undefined): Decision {
  const { transfer, install } = one.phase;
  const { id } = one;
  return decision({
    facts: [{ kind: 'install-started', id, install }],
    notes: [nowOf(one, { step: 'probing', isUntried: true, sha1 })],
    effects: [
      log('info', 'asked-before-install', { ...id, installer: install.installer }),
      { kind: 'probe', id, transfer, install },
    ],
  });
}

/** Records the attempt. It is durable before the installer runs. */
function start(one: InPhase<'installing'>, install: Install, sha1: string | undefined): Decision {
  return combine(
    decision({
      facts: [{ kind: 'install-started', id: one.id, install }],
      notes: [nowOf(one, { step: 'installing', sha1 })],
    }),
    run({ ...one, phase: { ...one.phase, install } }),
  );
}

/** Starts an attempt without volatile state of the previous one. */
function nowOf({ id }: InPhase<'installing'>, change: Partial<Installing>) {
  return { kind: 'installing', id, now: { ...installingAtFirst, ...change } } as const;
}

function run({ id, phase }: InPhase<'installing'>): Decision {
  const { transfer, install } = phase;
  const { installer, attempt } = install;
  return decision({
    effects: [
      log('info', 'installing', { ...id, installer, attempt }),
      { kind: 'install', id, transfer, install },
    ],
  });
}

export function onNotPrepared(state: State, event: Of<'not-prepared'>): Decision {
  const one = packageIn(state, event.id, 'receiving');
  if (one === undefined || one.phase.transfer.number !== event.number) return nothing;
  const { code, description } = reasonOf(event.failure);
  return recordOutcome(one, failure(one.id, code, description));
}

function reasonOf(cause: PrepareFailure): Pick<Report, 'code' | 'description'> {
  switch (cause.kind) {
    case 'data-not-closed': {
      const description = `cannot close the data file: ${cause.code} ${cause.reason}`;
      return { code: 'general-error', description };
    }
    case 'no-installer':
      return { code: 'install-failed', description: cause.reason };
    case 'rejected':
      return { code: cause.code, description: cause.reason };
    case 'memo-too-large': {
      const description = `state before the install exceeds ${beforeBytesMax} bytes`;
      return { code: 'general-error', description };
    }
    default:
      return unreachable(cause);
  }
}

export function onInstallEnded(
  settings: Settings,
  state: State,
  event: Of<'install-ended'>,
  moment: Moment,
): Decision {
  const one = packageIn(state, event.id, 'installing');
  if (one === undefined) return nothing;
  const { verdict } = event;
  switch (verdict.kind) {
    case 'installed':
    case 'failed':
      return recordOutcome(one, reportOf(event.id, verdict));
    case 'reboot-required':
      return requireReboot(settings, state, one, moment);
    case 'interrupted':
      return onInterrupted(settings, state, one, verdict.description, moment);
    case 'busy':
      return onBusy(settings, one, verdict.reason, moment);
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
  return failure(id, verdict.code, description);
}

/** A busy installer does not count as an attempt. The agent retries for one install timeout. */
function onBusy(
  settings: Settings,
  one: InPhase<'installing'>,
  reason: string,
  moment: Moment,
): Decision {
  const busyCount = one.phase.now.busyCount + 1;
  if (busyCount * installerBusyDelayMs >= settings.installer.timeoutMs) {
    const description = `the installer was busy until the time limit: ${reason}`;
    return recordOutcome(one, failure(one.id, 'install-failed', description));
  }
  const retryAtMs = moment.nowMs + installerBusyDelayMs;
  return decision({
    notes: [installing(one, { step: 'waiting', busyCount, retryAtMs })],
    effects: [log(busyCount === 1 ? 'warn' : 'debug', 'installer-busy', { ...one.id, reason })],
  });
}

export function retryWhenFree(one: InPhase<'installing'>): Decision {
  const { transfer, install } = one.phase;
  return decision({
    notes: [installing(one, { step: 'installing', retryAtMs: undefined })],
    effects: [{ kind: 'install', id: one.id, transfer, install }],
  });
}

/** Handles the probe after an interrupted attempt. */
export function onInstallProbed(
  settings: Settings,
  state: State,
  event: Of<'install-probed'>,
  moment: Moment,
): Decision {
  const one = packageIn(state, event.id, 'installing');
  if (one === undefined) return nothing;
  const { probe } = event;
  if (probe.kind === 'installed') {
    const { description } = probe;
    return recordOutcome(one, { id: one.id, status: true, code: 'ok', description });
  }
  if (probe.kind === 'reboot-required') return requireReboot(settings, state, one, moment);
  if (one.phase.now.isUntried) {
    // The attempt is on flash already.
    const notes = [installing(one, { step: 'installing', isUntried: false })];
    return combine(decision({ notes }), run(one));
  }
  return onInterrupted(settings, state, one, probe.description, moment);
}

/** Starts the next attempt if the limit permits it. Each start has its own record. */
function onInterrupted(
  settings: Settings,
  state: State,
  one: InPhase<'installing'>,
  description: string,
  moment: Moment,
): Decision {
  const { transfer, install, now } = one.phase;
  const { attempt } = install;
  if (attempt >= settings.installer.maxAttempts) {
    const text = `interrupted in attempt ${attempt}, the last one: ${description}`;
    return recordOutcome(one, failure(one.id, 'install-failed', text));
  }
  if (now.isDataLost) {
    return decision({
      facts: [{ kind: 'transfer-discarded', id: one.id }],
      effects: [{ kind: 'discard', number: transfer.number }],
    });
  }
  const logged = log('warn', 'install-interrupted', { ...one.id, probe: description });
  if (verify(transfer, now.sha1).kind === 'verified') {
    const logOnly = decision({ effects: [logged] });
    return combine(logOnly, beginAttempt(settings, state, one, moment));
  }
  // The agent verifies the payload again before the next attempt.
  return decision({
    notes: [installing(one, { step: 'verifying' })],
    effects: [logged, { kind: 'hash', number: transfer.number }],
  });
}

/** The next attempt keeps the state of the first one: its copy of the status file is intact. */
export function beginAttempt(
  settings: Settings,
  state: State,
  one: InPhase<'installing'>,
  moment: Moment,
): Decision {
  const { install, now } = one.phase;
  const permission = permit(settings, state, 'install', one.id, moment);
  if (permission.kind === 'wait') {
    const retryAtMs = permission.untilMs ?? moment.nowMs + installerBusyDelayMs;
    const postponed = log('info', 'install-postponed', { ...one.id, reason: permission.reason });
    // The wait may be long, so the agent verifies the data again after it.
    const notes = [installing(one, { step: 'verifying', sha1: undefined, retryAtMs })];
    return decision({ notes, effects: [postponed] });
  }
  return start(one, { ...install, attempt: install.attempt + 1 }, now.sha1);
}

/** Accepts progress of the running attempt only; a late event is about a previous attempt. */
export function onProgress(state: State, { id, percent }: Of<'progress'>): Decision {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || !inPhase(one, 'installing')) return nothing;
  return decision({ notes: [installing(one, { percent })] });
}
