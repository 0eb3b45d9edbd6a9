// Handles the results of the hash: the payload is complete, or a chunk on flash is corrupt.
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
import { sentenceOf, withCorruptChunk } from './recovery-summary.ts';
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
  // The checksum is wrong although each CRC is right: the agent receives the payload again.
  return decision({
    facts: [{ kind: 'transfer-discarded', id: one.id }],
    effects: [{ kind: 'discard', number }],
  });
}

/** The wait for permission ended. The agent hashes the data again before the next attempt. */
export function verifyAgain(one: InPhase<'installing'>): Decision {
  return decision({
    notes: [installing(one, { step: 'verifying', retryAtMs: undefined })],
    effects: [{ kind: 'hash', number: one.phase.transfer.number }],
  });
}

/** Removes a corrupt chunk; the server must send it again. */
export function onCorruptChunk(
  state: State,
  { number, chunkIndex }: Of<'chunk-corrupt'>,
): Decision {
  const one = byNumber(state, number);
  if (one === undefined) return nothing;
  // While an installer or a probe reads the data, the chunk stays.
  const isRead = inPhase(one, 'installing') && one.phase.now.step === 'verifying';
  if (!inPhase(one, 'receiving') && !isRead) return nothing;
  const summary = withCorruptChunk(state, one);
  const { id } = one;
  return decision({
    facts: [{ kind: 'chunk-removed', number, chunkIndex }],
    notes: [
      { kind: 'receiving', id, now: receivingAtFirst },
      { kind: 'recovered', summary },
    ],
    effects: [
      log('warn', 'chunk-corrupt', { index: chunkIndex, what: sentenceOf(summary) }),
      { kind: 'hash', number },
    ],
    signals: [{ kind: 'chunk-missing', id }],
  });
}
