// Handles a start of a second payload under the id of an update.
import { inPhase, refuse, transferOf } from '../../core/decision-helpers.ts';
import { failure, multiPackageText, rejectStart } from '../../core/outcome.ts';
import { combine, decision } from './decision.ts';
import { isOutcomePending } from './progress-ack.ts';
import { isComplete } from './resume-strategy.ts';
import type { Start } from '../../core/events.ts';
import type { Package } from '../../core/model.ts';
import type { Decision } from './model.ts';

/** Servers send the packages of an update one after the other, under its id (protocol 2.4). */
export function isAnother(one: Package, start: Start): boolean {
  if (one.update === undefined || transferOf(one)?.checksum === start.checksum) return false;
  return isOutcomePending(one) || (inPhase(one, 'receiving') && isComplete(one));
}

/**
 * The server does not announce the number of packages, so the whole update has failed. `[]` makes
 * the server send a chunk, on which it gives up; without an ack it would wait without a limit.
 */
export function onAnother(one: Package, { id, checksum }: Start): Decision {
  const refused = refuse('multi-package-unsupported', { ...id, checksum });
  if (inPhase(one, 'receiving')) {
    return combine(refused, rejectStart(one, failure(id, 'general-error', multiPackageText)));
  }
  return combine(
    refused,
    decision({
      facts: [{ kind: 'extra-package-seen', id }],
      effects: [{ kind: 'ack', id, empty: true }],
    }),
  );
}
