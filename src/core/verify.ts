// Verifies the payload against the checksum that the server announced: before the first attempt,
// before each attempt after an interruption, and after a restart.
import { decision, log, nothing, receiving } from './decision-helpers.ts';
import { failure, recordOutcome } from './outcome.ts';
import { isAllStored } from './phases.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision } from './events.ts';
import type { Transfer } from './model.ts';

type Verification =
  | { readonly kind: 'verified' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'mismatch'; readonly description: string };

/** `sha1`: of the whole data; undefined until the hash is complete. */
export function verify(transfer: Transfer, sha1: string | undefined): Verification {
  if (sha1 === undefined || !isAllStored(transfer)) return { kind: 'unknown' };
  if (sha1 === transfer.checksum) return { kind: 'verified' };
  const description = `checksum mismatch: announced ${transfer.checksum}, received ${sha1}`;
  return { kind: 'mismatch', description };
}

/** All chunks are stored and the server sent the finish: installs the payload if it is verified. */
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
