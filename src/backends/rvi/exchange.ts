// The exchange about a package, by phase. An entry of an earlier phase counts as none.
import { keyOf } from '../../core/decision-helpers.ts';
import type { PackageId } from '../../core/model.ts';
import type { Deferred, Exchange, Receiving, Reporting, RviNote, RviState } from './model.ts';
import type { Starting } from './model.ts';

type Of<P extends Exchange['phase']> = Extract<Exchange, { readonly phase: P }>;

const unasked = { attempts: 0, deadlineMs: undefined, blockedReason: undefined } as const;

const initial: { readonly [P in Exchange['phase']]: Of<P> } = {
  offered: { phase: 'offered', isReleased: false },
  accepted: { phase: 'accepted', ...unasked, method: undefined, unexpectedChunks: 0 },
  receiving: {
    phase: 'receiving',
    ...unasked,
    method: undefined,
    context: 'resume',
    newChunks: 0,
    listRejections: 0,
    finishDeadlineMs: undefined,
  },
  reporting: { phase: 'reporting', ...unasked, isReportInFlight: false, sentAtMs: undefined },
};

export function deferredOf({ exchanges }: RviState, id: PackageId): Deferred {
  const found = exchanges.get(keyOf(id));
  return found?.phase === 'offered' ? found : initial.offered;
}

export function startingOf({ exchanges }: RviState, id: PackageId): Starting {
  const found = exchanges.get(keyOf(id));
  return found?.phase === 'accepted' ? found : initial.accepted;
}

export function receivingOf({ exchanges }: RviState, id: PackageId): Receiving {
  const found = exchanges.get(keyOf(id));
  return found?.phase === 'receiving' ? found : initial.receiving;
}

export function reportingOf({ exchanges }: RviState, id: PackageId): Reporting {
  const found = exchanges.get(keyOf(id));
  return found?.phase === 'reporting' ? found : initial.reporting;
}

/** Why the last message about a package could not be encoded. */
export function blockedReasonOf({ exchanges }: RviState, id: PackageId): string | undefined {
  const found = exchanges.get(keyOf(id));
  return found === undefined || found.phase === 'offered' ? undefined : found.blockedReason;
}

export function note(id: PackageId, exchange: Exchange): RviNote {
  return { kind: 'exchange', id, exchange };
}
