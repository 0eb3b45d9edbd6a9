// Records the outcome of a package and its pending report in one fact.
import { combine, decision, log, transferOf } from './decision-helpers.ts';
import type { Decision } from './events.ts';
import type { Package, PackageId, Report } from './model.ts';

export const multiPackageText = 'the update contains several packages; only one can be installed';

/** Returns the outcome, the pending report, and the removal of the payload. */
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

/** Records the outcome of a start without a transfer. The backend answers the server. */
export function rejectStart(one: Package | undefined, report: Report): Decision {
  const { id } = report;
  const rejected = decision({ signals: [{ kind: 'start-rejected', id }] });
  return combine(recordOutcome(one, report), rejected);
}

export function failure(id: PackageId, code: Report['code'], description: string): Report {
  return { id, status: false, code, description };
}

function inPart({ id, description }: Report): Report {
  return failure(id, 'general-error', `${multiPackageText}; the first: ${description}`);
}
