// Sends the report of an outcome until the server requests the inventory. Only this request proves
// that the report arrived (protocol 5.13).
import {
  listingDelayMs,
  listingsMax,
  reportDelayMsMax,
  reportDelayMsMin,
  reportSendsAgainMax,
  reportSendsInDoubt,
  reportSendsMax,
} from '../../limits.ts';
import { backoffMs } from '../../core/backoff.ts';
import { inPhase, log, packageIn } from '../../core/decision-helpers.ts';
import { decision, nothing } from './decision.ts';
import { note, receivingOf, reportingOf, startingOf } from './exchange.ts';
import { isSame, servicesOfOrigin } from './known-servers.ts';
import type { InPhase } from '../../core/decision-helpers.ts';
import type { Fact, Moment } from '../../core/events.ts';
import type { PackageId, State } from '../../core/model.ts';
import type { Decision, RviAgentState, RviEvent, RviFact, RviNote, RviState } from './model.ts';

type Of<K extends RviEvent['kind']> = Extract<RviEvent, { readonly kind: K }>;

export function sendReport(own: RviState, one: InPhase<'reporting'>, moment: Moment): Decision {
  const { id } = one;
  const exchange = reportingOf(own, id);
  const { attempts } = exchange;
  const { report, again } = one.phase;
  if (attempts >= (again === 'no' ? reportSendsMax : reportSendsAgainMax)) {
    return decision({
      facts: [{ kind: 'report-confirmed', id }],
      effects: [log('error', 'report-unconfirmed', { ...id, sends: attempts })],
    });
  }
  const waitMs = backoffMs(attempts, reportDelayMsMin, reportDelayMsMax, moment.random);
  const deadlineMs = moment.nowMs + Math.max(waitMs, reportDelayMsMin);
  const next = { ...exchange, attempts: attempts + 1, deadlineMs, blockedReason: undefined };
  return decision({ notes: [note(id, next)], effects: [{ kind: 'report', report }] });
}

/** The node accepted the message; only reports and inventories stay due after that. */
export function onSent(
  { core, backend }: RviAgentState,
  { message, id }: Of<'sent'>,
  moment: Moment,
): Decision {
  if (message === 'packages') {
    const isDue = backend.inventoryRequest !== undefined;
    return isDue ? decision({ facts: [{ kind: 'inventory-sent' }] }) : nothing;
  }
  const one = id === undefined ? undefined : packageIn(core, id, 'reporting');
  if (message !== 'report' || one === undefined) return nothing;
  const exchange = { ...reportingOf(backend, one.id), sentAtMs: moment.nowMs };
  return decision({
    notes: [note(one.id, exchange)],
    effects: [log('info', 'report-sent', { ...one.id, status: one.phase.report.status })],
  });
}

/** The report stays due until the configuration is corrected, with longer delays. */
export function onMessageBlocked(
  { core, backend }: RviAgentState,
  { id, reason }: Of<'message-blocked'>,
): Decision {
  const effects = [log('warn', 'vehicle-id-missing', { ...id, reason })];
  const notes = id === undefined ? [] : blocked(core, backend, id, reason);
  return decision({ notes, effects });
}

function blocked(core: State, own: RviState, id: PackageId, reason: string): readonly RviNote[] {
  const reportable = packageIn(core, id, 'reporting');
  if (reportable !== undefined) {
    const exchange = reportingOf(own, id);
    const attempts = Math.min(exchange.attempts, reportSendsMax - 1);
    return [note(id, { ...exchange, attempts, blockedReason: reason })];
  }
  if (packageIn(core, id, 'accepted') !== undefined) {
    return [note(id, { ...startingOf(own, id), blockedReason: reason })];
  }
  if (packageIn(core, id, 'receiving') === undefined) return [];
  return [note(id, { ...receivingOf(own, id), blockedReason: reason })];
}

export function onReportInFlight(
  { core, backend }: RviAgentState,
  { id, leaving }: Of<'report-in-flight'>,
): Decision {
  if (packageIn(core, id, 'reporting') === undefined) return nothing;
  const exchange = { ...reportingOf(backend, id), isReportInFlight: leaving };
  return decision({ notes: [note(id, exchange)] });
}

/** True if the server may have the report: the node accepted it, or has not answered yet. */
export function isReportSent(own: RviState, id: PackageId): boolean {
  const { isReportInFlight, sentAtMs } = reportingOf(own, id);
  return isReportInFlight || sentAtMs !== undefined;
}

/** Servers request the inventory right after a report. */
export function onGetPackages({ core, backend }: RviAgentState, moment: Moment): Decision {
  const sent = [...core.packages.values()]
    .filter((one) => inPhase(one, 'reporting') && isReportSent(backend, one.id))
    .sort((a, b) => sentAtMs(backend, b.id) - sentAtMs(backend, a.id));
  // It confirms one report. Some servers request once after several: the others stay unconfirmed.
  const [last, ...others] = sent;
  const doubtful = others.map(({ id }) => {
    const exchange = reportingOf(backend, id);
    return note(id, { ...exchange, attempts: Math.max(exchange.attempts, sendsBeforeDoubt) });
  });
  const confirmed: readonly Fact[] =
    last === undefined ? [] : [{ kind: 'report-confirmed', id: last.id }];
  const listed = requestInventory(backend, last?.id, moment);
  return decision({
    facts: [...confirmed, ...listed.facts],
    notes: [...doubtful, listed.note],
    effects: [
      ...(last === undefined ? [] : [log('info', 'report-confirmed', { ...last.id })]),
      { kind: 'list-inventory' },
    ],
  });
}

/** The request follows the report, so the inventory goes to the server of the report. */
function requestInventory(
  own: RviState,
  last: PackageId | undefined,
  { nowMs }: Moment,
): { readonly facts: readonly RviFact[]; readonly note: RviNote } {
  const origin = last === undefined ? undefined : servicesOfOrigin(own, last);
  const services = isSame(origin, own.server.services) ? undefined : origin;
  const { inventoryRequest } = own;
  const isKnown = inventoryRequest !== undefined && isSame(inventoryRequest.services, services);
  const to = services === undefined ? {} : { services };
  const facts: readonly RviFact[] = isKnown ? [] : [{ kind: 'inventory-requested', ...to }];
  const listing = { attempts: 1, dueMs: nowMs + listingDelayMs, services };
  return { facts, note: { kind: 'listing', listing } };
}

/** Sends the inventory again if the node did not accept it, up to a limit. */
export function listAgain({ inventoryRequest }: RviState, { nowMs }: Moment): Decision {
  if (inventoryRequest === undefined) return nothing;
  const { attempts } = inventoryRequest;
  if (attempts >= listingsMax) return decision({ facts: [{ kind: 'inventory-sent' }] });
  const listing = { ...inventoryRequest, attempts: attempts + 1, dueMs: nowMs + listingDelayMs };
  return decision({
    notes: [{ kind: 'listing', listing }],
    effects: [{ kind: 'list-inventory' }],
  });
}

const sendsBeforeDoubt = reportSendsMax - reportSendsInDoubt;

/** Prefers reports that the node has accepted. */
const sentAtMs = (own: RviState, id: PackageId) => reportingOf(own, id).sentAtMs ?? -1;
