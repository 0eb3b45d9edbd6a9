// decide(state, event): the whole policy, pure. What it returns is committed by the shell in one
// order: writes, fsync, facts, fsync, then effects.
import { unreachable } from '../assert.ts';
import { askDelayMsMax, askDelayMsMin, chunkBytes } from '../limits.ts';
import { backoffMs } from './retry.ts';
import {
  combine,
  byNumber,
  decision,
  inPhase,
  keyOf,
  log,
  nothing,
  running,
  runningOf,
} from './decision-helpers.ts';
import { tryNextMethod } from './resume-strategy.ts';
import { onConsent, onDecline } from './on-consent.ts';
import { onDiscarded } from './cleanup.ts';
import { carried, onCallFailed, onClockStepped, onMessageAccepted } from './on-registration.ts';
import { onRegistered, onTransportDown, register, registerAgain } from './on-registration.ts';
import { onRequest } from './on-request.ts';
import { conclude, recordOutcome, rejectStart } from './conclude-transfer.ts';
import { onBooted } from './recover.ts';
import { onReportLeaving, onSent, onMessageBlocked } from './reporting.ts';
import { sentenceOf, withDropped } from './recovery-summary.ts';
import { onTick } from './timers.ts';
import { applyAll } from './apply.ts';
import { applyNote } from './apply-volatile.ts';
import { onChecked, onRebootAsked, onRebootDenied } from './on-reboot.ts';
import {
  onInstallEnded,
  onInstallProbed,
  onNotPrepared,
  onPrepared,
  onProgress,
  runAgain,
} from './on-install.ts';
import type { Decision, Event, Moment } from './events.ts';
import type { State } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

export function decide(settings: Settings, state: State, event: Event, moment: Moment): Decision {
  switch (event.kind) {
    case 'booted':
      return onBooted(settings, state, event.bootId, event.evidence, moment.nowMs);
    case 'tick':
      return onTick(settings, state, moment);
    case 'request':
      return onCarried(state, onRequest(settings, state, event.request, moment));
    case 'transport-up':
      return register(0);
    case 'transport-down':
      return onTransportDown(state, event.reason);
    case 'register-again':
      return registerAgain(state);
    case 'refused': {
      const counted = { kind: 'counter', counter: 'refused', by: event.count } as const;
      return decision({ notes: [counted] });
    }
    case 'call-failed':
      return onCallFailed(settings, state, event, moment);
    case 'message-accepted':
      return onMessageAccepted(state);
    case 'clock-stepped':
      return onClockStepped(state);
    case 'registered':
      return onRegistered(settings, state, event, moment);
    case 'message-blocked':
      return onMessageBlocked(state, event);
    case 'report-in-flight':
      return onReportLeaving(state, event);
    case 'sent':
      return onCarried(state, onSent(state, event, moment));
    case 'dialect-used': {
      const { dialect } = event;
      const isNews = state.server.dialect === undefined;
      return isNews ? decision({ facts: [{ kind: 'dialect-learned', dialect }] }) : nothing;
    }
    case 'reserved':
      return onReserved(settings, state, event, moment);
    case 'not-reserved':
      return onNotReserved(state, event, moment);
    case 'discarded':
      return onDiscarded(state, event, moment);
    case 'hashed':
      return onHashed(state, event);
    case 'chunk-corrupt':
      return onRotten(state, event, moment);
    case 'chunk-write-failed':
      return onNotWritten(state, event);
    case 'consent':
      return onConsent(settings, state, event);
    case 'decline':
      return onDecline(state, event);
    default:
      return decideInstall(settings, state, event, moment);
  }
}

function onCarried(state: State, decided: Decision): Decision {
  return { ...decided, notes: [...carried(state), ...decided.notes] };
}

function decideInstall(
  settings: Settings,
  state: State,
  event: Of<
    | 'prepared'
    | 'not-prepared'
    | 'progress'
    | 'install-ended'
    | 'install-probed'
    | 'reboot-requested'
    | 'reboot-denied'
    | 'checked'
    | 'inventory-listed'
    | 'inventory-failed'
  >,
  moment: Moment,
): Decision {
  switch (event.kind) {
    case 'prepared':
      return onPrepared(state, event);
    case 'not-prepared':
      return onNotPrepared(state, event);
    case 'progress':
      return onProgress(state, event);
    case 'install-ended':
      return onInstallEnded(settings, state, event, moment);
    case 'install-probed':
      return onInstallProbed(settings, state, event, moment);
    case 'reboot-requested':
      return onRebootAsked(state, event);
    case 'reboot-denied':
      return onRebootDenied(state, event, moment);
    case 'checked':
      return onChecked(state, event);
    case 'inventory-listed':
      return decision({ effects: [{ kind: 'send-inventory', packages: event.packages }] });
    case 'inventory-failed':
      return decision({ effects: [log('warn', 'inventory-failed', { reason: event.reason })] });
    default:
      return unreachable(event);
  }
}

function onReserved(
  settings: Settings,
  state: State,
  event: Of<'reserved'>,
  moment: Moment,
): Decision {
  const { start, number } = event;
  const { id, checksum, chunksCount } = start;
  const one = state.packages.get(keyOf(id));
  if (one === undefined || runningOf(state, id).reservation?.number !== number) {
    return decision({ effects: [{ kind: 'discard', number }] });
  }
  const opened = { kind: 'transfer-started', id, number, checksum, chunksCount } as const;
  const after = applyAll(state, [opened]);
  const now = after.packages.get(keyOf(id));
  if (now === undefined || !inPhase(now, 'receiving')) return nothing;
  const first = running(after, id, { context: 'after-start' });
  const spoken = tryNextMethod(settings, applyNote(after, first), now, moment);
  return {
    ...spoken,
    facts: [opened],
    effects: [
      log('info', 'download-started', { ...id, checksum, chunksCount, number }),
      ...spoken.effects,
    ],
  };
}

function onNotReserved(state: State, event: Of<'not-reserved'>, moment: Moment): Decision {
  const { id } = event.start;
  const one = state.packages.get(keyOf(id));
  // What was made may be there in part.
  const cleared = decision({ effects: [{ kind: 'discard', number: event.number }] });
  if (one === undefined || runningOf(state, id).reservation?.number !== event.number)
    return cleared;
  const { code: cause } = event;
  if (cause === 'ENOSPC' || cause === 'EDQUOT') {
    const report = { id, status: false, code: 'disk-full', description: event.reason } as const;
    return combine(cleared, rejectStart(one, report));
  }
  if (cause === 'EFBIG') {
    const description = tooLargeText(event.start.chunksCount);
    const report = { id, status: false, code: 'general-error', description } as const;
    return combine(cleared, rejectStart(one, report));
  }
  // Another trouble of the disk may pass: the package stays wanted and is asked for again.
  const deadlineMs = moment.nowMs + backoffMs(2, askDelayMsMin, askDelayMsMax, moment.random);
  const { code, reason } = event;
  const later = decision({
    notes: [running(state, id, { activity: undefined, reservation: undefined, deadlineMs })],
    effects: [log('error', 'space-reservation-failed', { ...id, code, reason })],
  });
  return combine(cleared, later);
}

const tooLargeText = (chunksCount: number) =>
  `too large: no file of ${chunksCount * chunkBytes} bytes can be stored here (EFBIG): ` +
  'see the limit of the file size (ulimit -f, LimitFSIZE=) and the file system';

/** What a file cannot hold today it cannot hold tomorrow; every other trouble may pass. */
function onNotWritten(state: State, event: Of<'chunk-write-failed'>): Decision {
  const { number, chunkIndex, code, reason } = event;
  const one = byNumber(state, number);
  const fields = { ...one?.id, index: chunkIndex, reason };
  const told = decision({ effects: [log('error', 'chunk-write-failed', fields)] });
  if (code !== 'EFBIG' || one === undefined || !inPhase(one, 'receiving')) return told;
  const description = tooLargeText(one.phase.transfer.chunksCount);
  return combine(
    told,
    recordOutcome(one, { id: one.id, status: false, code: 'general-error', description }),
  );
}

function onHashed(state: State, event: Of<'hashed'>): Decision {
  const one = byNumber(state, event.number);
  if (one === undefined) return nothing;
  const { sha1 } = event;
  if (inPhase(one, 'receiving')) return conclude(state, one, { sha1 });
  const known = decision({ notes: [running(state, one.id, { sha1 })] });
  if (!inPhase(one, 'installing') || !runningOf(state, one.id).isRerun) return known;
  if (sha1 === one.phase.transfer.checksum) {
    return combine(known, runAgain(applyAll(state, [], known.notes), one));
  }
  // Rotten behind the CRCs' back: begin anew.
  return decision({
    facts: [{ kind: 'transfer-discarded', id: one.id }],
    effects: [{ kind: 'discard', number: one.phase.transfer.number }],
  });
}

/** A chunk that rotted is dropped and asked for again. */
function onRotten(state: State, event: Of<'chunk-corrupt'>, moment: Moment): Decision {
  const one = byNumber(state, event.number);
  const { chunkIndex, number } = event;
  if (one === undefined) return nothing;
  // What an installer or a probe uses at the moment is not taken from under it.
  const isRead = inPhase(one, 'installing') && runningOf(state, one.id).isRerun;
  if (!inPhase(one, 'receiving') && !isRead) return nothing;
  const survival = withDropped(state, one);
  return decision({
    facts: [{ kind: 'chunk-removed', number, chunkIndex }],
    notes: [
      running(state, one.id, {
        sha1: undefined,
        activity: undefined,
        isRerun: false,
        deadlineMs: moment.nowMs,
        attempts: 0,
      }),
      { kind: 'recovered', survival },
    ],
    effects: [
      log('warn', 'chunk-corrupt', { index: chunkIndex, what: sentenceOf(survival) }),
      { kind: 'hash', number },
    ],
  });
}
