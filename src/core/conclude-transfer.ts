// From the last byte to the outcome: what ends a transfer, and what follows.
import { combine, decision, log, running, runningOf, transferOf } from './decision-helpers.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision } from './events.ts';
import type { Package, Report, PackageRuntime, State } from './model.ts';

/** All chunks are here and the exchange is over: only bytes with the right SHA-1 go on. */
export function conclude(
  state: State,
  one: InPhase<'receiving'>,
  change: Partial<PackageRuntime>,
): Decision {
  const { transfer, finished } = one.phase;
  const { sha1 } = { ...runningOf(state, one.id), ...change };
  if (!finished || sha1 === undefined) {
    return decision({ notes: [running(state, one.id, change)] });
  }
  if (sha1 !== transfer.checksum) {
    const description = `checksum mismatch: announced ${transfer.checksum}, received ${sha1}`;
    const report: Report = { id: one.id, status: false, code: 'validation-failed', description };
    return recordOutcome(one, report);
  }
  return decision({
    notes: [running(state, one.id, { ...change, activity: 'preparing' })],
    effects: [
      log('info', 'package-verified', { ...one.id, sha1 }),
      { kind: 'prepare', id: one.id, transfer },
    ],
  });
}

/**
 * A start that leads to no transfer. A server that gets no first ack waits for it for ever, some
 * also after the report; `[]` brings it to the chunk that it will give up (protocol 2.4).
 */
export function rejectStart(one: Package | undefined, report: Report): Decision {
  const released = decision({ effects: [{ kind: 'ack', id: report.id, empty: true }] });
  return combine(recordOutcome(one, report), released);
}

export const severalText = 'the update holds several packages, and only one can be installed';

const inPart = ({ id, description }: Report): Report => ({
  id,
  status: false,
  code: 'general-error',
  description: `${severalText}; the first: ${description}`,
});

/** The outcome and the duty to report it in one record; the payload goes only after that. */
export function recordOutcome(one: Package | undefined, given: Report): Decision {
  const transfer = one === undefined ? undefined : transferOf(one);
  const report = one?.isMultiPackage === true && given.status ? inPart(given) : given;
  const { id, status, code, description } = report;
  return decision({
    facts: [{ kind: 'outcome-recorded', report, checksum: transfer?.checksum }],
    effects: [
      log(status ? 'info' : 'error', status ? 'installed' : 'update-failed', {
        ...id,
        code,
        description,
      }),
      ...(transfer === undefined ? [] : [{ kind: 'discard', number: transfer.number } as const]),
    ],
  });
}
