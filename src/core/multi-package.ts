// A start of another payload under the id of an update that has one already.
import { combine, decision, inPhase, refuse, transferOf } from './decision-helpers.ts';
import { isOutcomePending } from './progress-ack.ts';
import { isComplete } from './resume-strategy.ts';
import { rejectStart, severalText } from './conclude-transfer.ts';
import type { Decision, StartRequest } from './events.ts';
import type { Package } from './model.ts';

/** An update may hold several packages, one after the other, all under its id (protocol 2.4). */
export function isAnother(one: Package, start: StartRequest): boolean {
  if (one.update === undefined || transferOf(one)?.checksum === start.checksum) return false;
  return isOutcomePending(one) || (inPhase(one, 'receiving') && isComplete(one));
}

/**
 * How many there will be nobody says, so it is not for us: it has failed as a whole. `[]` brings
 * the server to chunks that it gives up; silence would keep it waiting for ever.
 */
export function onAnother(one: Package, start: StartRequest): Decision {
  const { id, checksum } = start;
  const said = refuse('multi-package-unsupported', { ...id, checksum });
  if (inPhase(one, 'receiving')) {
    const description = severalText;
    return combine(
      said,
      rejectStart(one, { id, status: false, code: 'general-error', description }),
    );
  }
  return combine(
    said,
    decision({
      facts: [{ kind: 'extra-package-seen', id }],
      effects: [{ kind: 'ack', id, empty: true }],
    }),
  );
}
