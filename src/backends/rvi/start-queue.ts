// Selects the package to request from the server. One at a time: servers ignore a start during a
// transfer, and lose reports if there are several transfers (protocol 2.4, 5.14).
import { startRetryDelayMsMax, startRetryDelayMsMin, reportSettleMs } from '../../limits.ts';
import { backoffMs } from '../../core/backoff.ts';
import { inPhase, keyOf, reservationOf } from '../../core/decision-helpers.ts';
import { decision } from './decision.ts';
import { blockedReasonOf, note, reportingOf, startingOf } from './exchange.ts';
import { isSame, servicesOfOrigin } from './known-servers.ts';
import type { InPhase } from '../../core/decision-helpers.ts';
import type { Moment } from '../../core/events.ts';
import type { Package, PackageId } from '../../core/model.ts';
import type { Decision, ResumeMethod, RviAgentState } from './model.ts';

/** After this many unanswered requests comes the next package: the first may be cancelled. */
const requestsInTurn = 3;

/** A server that lost the first ack waits without a limit; `[]` ends that (protocol 2.4). */
const methods: readonly ResumeMethod[] = ['start', 'empty', 'start'];

/** Returns the package to request, and when; undefined while another one keeps the server busy. */
export function nextToRequest(
  state: RviAgentState,
): { readonly one: InPhase<'accepted'>; readonly dueMs: number } | undefined {
  let best: InPhase<'accepted'> | undefined;
  let notBeforeMs = 0;
  for (const one of state.core.packages.values()) {
    const untilMs = occupiesUntilMs(state, one);
    if (untilMs === Infinity) return undefined;
    notBeforeMs = Math.max(notBeforeMs, untilMs);
    if (inPhase(one, 'accepted') && isBefore(state, one, best)) best = one;
  }
  if (best === undefined) return undefined;
  const { deadlineMs = 0 } = startingOf(state.backend, best.id);
  return { one: best, dueMs: Math.max(notBeforeMs, deadlineMs) };
}

/** Until when a package keeps the server from starting another; Infinity: until an event. */
function occupiesUntilMs({ backend }: RviAgentState, one: Package): number {
  // Its messages cannot be encoded, so no server is busy with it.
  if (blockedReasonOf(backend, one.id) !== undefined) return 0;
  if (reservationOf(one) !== undefined) return Infinity;
  switch (one.phase.kind) {
    case 'offered':
    case 'accepted':
      return 0;
    case 'reporting': {
      const { sentAtMs } = reportingOf(backend, one.id);
      return sentAtMs === undefined ? Infinity : sentAtMs + reportSettleMs;
    }
    default:
      return Infinity;
  }
}

/** Until when other packages keep the same server busy; a late `[]` would end their transfers. */
export function othersUntilMs(state: RviAgentState, id: PackageId): number {
  const services = servicesOfOrigin(state.backend, id);
  const others = [...state.core.packages.values()].filter(
    (other) =>
      keyOf(other.id) !== keyOf(id) && isSame(servicesOfOrigin(state.backend, other.id), services),
  );
  return Math.max(0, ...others.map((other) => occupiesUntilMs(state, other)));
}

function isBefore({ backend }: RviAgentState, a: Package, b: Package | undefined): boolean {
  if (b === undefined) return true;
  const turnOf = (one: Package) =>
    Math.floor(startingOf(backend, one.id).attempts / requestsInTurn);
  return turnOf(a) === turnOf(b) ? a.order < b.order : turnOf(a) < turnOf(b);
}

export function requestStart(
  { backend }: RviAgentState,
  { id }: InPhase<'accepted'>,
  moment: Moment,
): Decision {
  const exchange = startingOf(backend, id);
  const { attempts } = exchange;
  const method = methods[attempts % methods.length] ?? 'start';
  const waitMs = backoffMs(attempts, startRetryDelayMsMin, startRetryDelayMsMax, moment.random);
  const next = {
    ...exchange,
    ...{ attempts: attempts + 1, method, unexpectedChunks: 0, blockedReason: undefined },
    deadlineMs: moment.nowMs + waitMs,
  };
  return decision({
    notes: [note(id, next)],
    effects: [
      method === 'empty' ? { kind: 'ack', id, empty: true } : { kind: 'request-start', id },
    ],
  });
}
