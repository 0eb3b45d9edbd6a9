// The report of an outcome: said until the server asks for the packages, which is the only proof
// that it arrived (protocol 5.13).
import {
  listingDelayMs,
  listingsMax,
  reportDelayMsMax,
  reportDelayMsMin,
  reportSendsAgainMax,
  reportSendsInDoubt,
  reportSendsMax,
} from '../limits.ts';
import { isSame } from './known-servers.ts';
import { decision, inPhase, keyOf, log, nothing, running, runningOf } from './decision-helpers.ts';
import { backoffMs } from './retry.ts';
import type { InPhase } from './decision-helpers.ts';
import type { Decision, Event, Fact, Moment } from './events.ts';
import type { Package, State } from './model.ts';

export function sendReport(state: State, one: InPhase<'reporting'>, moment: Moment): Decision {
  const { attempts } = runningOf(state, one.id);
  const { report, again } = one.phase;
  if (attempts >= (again === 'no' ? reportSendsMax : reportSendsAgainMax)) {
    return decision({
      facts: [{ kind: 'report-confirmed', id: one.id }],
      effects: [log('error', 'report-unconfirmed', { ...one.id, sends: attempts })],
    });
  }
  const waitMs = backoffMs(attempts, reportDelayMsMin, reportDelayMsMax, moment.random);
  const deadlineMs = moment.nowMs + Math.max(waitMs, reportDelayMsMin);
  return decision({
    notes: [
      running(state, one.id, { attempts: attempts + 1, deadlineMs, blockedReason: undefined }),
    ],
    effects: [{ kind: 'report', report }],
  });
}

/** The node has the message; only reports and package lists are owed beyond that. */
export function onSent(
  state: State,
  event: Extract<Event, { readonly kind: 'sent' }>,
  moment: Moment,
): Decision {
  if (event.message === 'packages') {
    return state.inventoryRequest === undefined
      ? nothing
      : decision({ facts: [{ kind: 'inventory-sent' }] });
  }
  const one = event.id === undefined ? undefined : state.packages.get(keyOf(event.id));
  if (event.message !== 'report' || one === undefined || !inPhase(one, 'reporting')) return nothing;
  return decision({
    notes: [running(state, one.id, { sentAtMs: moment.nowMs })],
    effects: [log('info', 'report-sent', { ...one.id, status: one.phase.report.status })],
  });
}

/** Whoever mends the configuration finds the report still owed; until then it waits longer. */
export function onMessageBlocked(
  state: State,
  { id, reason }: Extract<Event, { readonly kind: 'message-blocked' }>,
): Decision {
  const effects = [log('warn', 'vehicle-id-missing', { ...id, reason })];
  if (id === undefined || !state.packages.has(keyOf(id))) return decision({ effects });
  const attempts = Math.min(runningOf(state, id).attempts, reportSendsMax - 1);
  return decision({ notes: [running(state, id, { attempts, blockedReason: reason })], effects });
}

export function onReportLeaving(
  state: State,
  { id, leaving: isReportInFlight }: Extract<Event, { readonly kind: 'report-in-flight' }>,
): Decision {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || !inPhase(one, 'reporting')) return nothing;
  return decision({ notes: [running(state, id, { isReportInFlight })] });
}

/** The server may have the report: the node took it, or has yet to answer. */
export function isReportSent(state: State, { id }: Package): boolean {
  const { isReportInFlight, sentAtMs } = runningOf(state, id);
  return isReportInFlight || sentAtMs !== undefined;
}

/** Servers ask for the packages right after a report. */
export function onGetPackages(state: State, moment: Moment): Decision {
  const said = [...state.packages.values()]
    .filter((one) => inPhase(one, 'reporting') && isReportSent(state, one))
    .sort((a, b) => saidAtMs(state, b) - saidAtMs(state, a));
  // It answers one report. Some servers ask once for several: of the others it is half a proof.
  const [last, ...others] = said;
  const proven = last === undefined ? [] : [last];
  const doubtful = others.map(({ id }) =>
    running(state, id, { attempts: Math.max(runningOf(state, id).attempts, sendsBeforeDoubt) }),
  );
  const reported = proven.map(({ id }): Fact => ({ kind: 'report-confirmed', id }));
  // The server asks right after the report, so the list goes where the report went.
  const services = isSame(last?.services, state.server.services) ? undefined : last?.services;
  const to = services === undefined ? {} : { services };
  const isAsked =
    state.inventoryRequest !== undefined && isSame(state.inventoryRequest.services, services);
  const asked: readonly Fact[] = isAsked ? [] : [{ kind: 'inventory-requested', ...to }];
  const listing = { asked: 1, dueMs: moment.nowMs + listingDelayMs, services };
  return decision({
    facts: [...reported, ...asked],
    notes: [...doubtful, { kind: 'listing', listing }],
    effects: [
      ...proven.map(({ id }) => log('info', 'report-confirmed', { ...id })),
      { kind: 'list-inventory' },
    ],
  });
}

/** Asked again when the node did not take it, or a cut came before; not for ever. */
export function listAgain({ inventoryRequest }: State, moment: Moment): Decision {
  if (inventoryRequest === undefined) return nothing;
  if (inventoryRequest.asked >= listingsMax)
    return decision({ facts: [{ kind: 'inventory-sent' }] });
  const next = {
    ...inventoryRequest,
    asked: inventoryRequest.asked + 1,
    dueMs: moment.nowMs + listingDelayMs,
  };
  return decision({
    notes: [{ kind: 'listing', listing: next }],
    effects: [{ kind: 'list-inventory' }],
  });
}

const sendsBeforeDoubt = reportSendsMax - reportSendsInDoubt;

/** One that the node has yet to take is the least likely to be meant. */
const saidAtMs = (state: State, { id }: Package) => runningOf(state, id).sentAtMs ?? -1;
