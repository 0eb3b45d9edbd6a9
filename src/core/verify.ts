// Is the payload what the server announced? The one place that answers it: for the first attempt,
// for each one after an interruption, and after a restart.
import { applyAll } from './fold.ts';
import { beginAttempt } from './install.ts';
import {
  byNumber,
  combine,
  decision,
  inPhase,
  log,
  nothing,
  receiving,
} from './decision-helpers.ts';
import { installing } from './decision-helpers.ts';
import { failure, recordOutcome } from './outcome.ts';
import { isAllStored, receivingAtFirst } from './phases.ts';
import { sentenceOf, withDropped } from './recovery-summary.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Event, Moment } from './events.ts';
import type { State, Transfer } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

type Verdict =
  | { readonly kind: 'verified' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'mismatch'; readonly description: string };

/** `sha1`: of the whole data, computed since boot; undefined: not known yet. */
export function verify(transfer: Transfer, sha1: string | undefined): Verdict {
  if (sha1 === undefined || !isAllStored(transfer)) return { kind: 'unknown' };
  if (sha1 === transfer.checksum) return { kind: 'verified' };
  const description = `checksum mismatch: announced ${transfer.checksum}, received ${sha1}`;
  return { kind: 'mismatch', description };
}

/** All chunks are stored and the server sent everything: only verified data goes on. */
export function conclude(one: InPhase<'receiving'>): Decision {
  const { transfer, finished, now } = one.phase;
  const verdict = finished ? verify(transfer, now.sha1) : ({ kind: 'unknown' } as const);
  if (verdict.kind === 'unknown') return nothing;
  if (verdict.kind === 'mismatch') {
    return recordOutcome(one, failure(one.id, 'validation-failed', verdict.description));
  }
  return decision({
    notes: [receiving(one, { isPreparing: true })],
    effects: [
      log('info', 'package-verified', { ...one.id, sha1: now.sha1 }),
      { kind: 'prepare', id: one.id, transfer },
    ],
  });
}

export function onHashed(
  settings: Settings,
  state: State,
  { number, sha1 }: Of<'hashed'>,
  moment: Moment,
): Decision {
  const one = byNumber(state, number);
  if (one === undefined) return nothing;
  if (inPhase(one, 'receiving')) {
    const note = receiving(one, { sha1 });
    const known = { ...one, phase: { ...one.phase, now: note.now } };
    return combine(decision({ notes: [note] }), conclude(known));
  }
  if (!inPhase(one, 'installing')) return nothing;
  const note = installing(one, { sha1 });
  const known = decision({ notes: [note] });
  if (one.phase.now.step !== 'verifying') return known;
  if (verify(one.phase.transfer, sha1).kind === 'verified') {
    const next = { ...one, phase: { ...one.phase, now: note.now } };
    return combine(known, beginAttempt(settings, applyAll(state, [], [note]), next, moment));
  }
  // Corrupt although each CRC is right: receive it again.
  return decision({
    facts: [{ kind: 'transfer-discarded', id: one.id }],
    effects: [{ kind: 'discard', number }],
  });
}

/** A wait for permission is over: the data is hashed again before the next attempt. */
export function verifyAgain(one: InPhase<'installing'>): Decision {
  return decision({
    notes: [installing(one, { step: 'verifying', retryAtMs: undefined })],
    effects: [{ kind: 'hash', number: one.phase.transfer.number }],
  });
}

/** A corrupt chunk is removed, and the server has to send it again. */
export function onCorruptChunk(
  state: State,
  { number, chunkIndex }: Of<'chunk-corrupt'>,
): Decision {
  const one = byNumber(state, number);
  if (one === undefined) return nothing;
  // An installer or a probe that reads the data keeps it.
  const isRead = inPhase(one, 'installing') && one.phase.now.step === 'verifying';
  if (!inPhase(one, 'receiving') && !isRead) return nothing;
  const survival = withDropped(state, one);
  const { id } = one;
  return decision({
    facts: [{ kind: 'chunk-removed', number, chunkIndex }],
    notes: [
      { kind: 'receiving', id, now: receivingAtFirst },
      { kind: 'recovered', survival },
    ],
    effects: [
      log('warn', 'chunk-corrupt', { index: chunkIndex, what: sentenceOf(survival) }),
      { kind: 'hash', number },
    ],
    signals: [{ kind: 'chunk-missing', id }],
  });
}
