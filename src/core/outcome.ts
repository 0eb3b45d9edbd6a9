// From the last byte to the outcome: what ends a transfer, and what follows.
import { decision, log, nothing, transferOf } from './decision.ts';
import type { InPhase } from './decision.ts';
import type { Decision } from './events.ts';
import type { Package, Report } from './model.ts';

/** All chunks are here and the exchange is over: only bytes with the right SHA-1 go on (P3). */
export function conclude(one: InPhase<'receiving'>, sha1: string | undefined): Decision {
  const { transfer, finished } = one.phase;
  if (!finished || sha1 === undefined) return nothing;
  if (sha1 !== transfer.checksum) {
    const description = `checksum mismatch: announced ${transfer.checksum}, received ${sha1}`;
    const report: Report = { id: one.id, status: false, code: 'validation-failed', description };
    return settle(one, report);
  }
  return decision({
    effects: [
      log('info', 'package-verified', { ...one.id, sha1 }),
      { kind: 'prepare', id: one.id, transfer },
    ],
  });
}

/** The outcome and the duty to report it in one record; the payload goes only after that (P5). */
export function settle(one: Package | undefined, report: Report): Decision {
  const transfer = one === undefined ? undefined : transferOf(one);
  const { id, status, code, description } = report;
  return decision({
    facts: [{ kind: 'settled', report, checksum: transfer?.checksum }],
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
