// What the hash of a payload shows: it is complete, or a chunk on flash is corrupt.
import {
  byNumber,
  combine,
  decision,
  inPhase,
  installing,
  log,
  nothing,
  receiving,
} from './decision-helpers.ts';
import { applyAll } from './fold.ts';
import { beginAttempt } from './install.ts';
import { receivingAtFirst } from './phases.ts';
import { sentenceOf, withDropped } from './recovery-summary.ts';
import { conclude, verify } from './verify.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Event, Moment } from './events.ts';
import type { State } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

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
