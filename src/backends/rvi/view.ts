// What `status` and `why` show about the RVI server, and about a package.
import { unreachable } from '../../assert.ts';
import { inPhase, keyOf, label, reservationOf } from '../../core/decision-helpers.ts';
import { activityOf } from '../../core/status-view.ts';
import { isLinked } from './deadlines.ts';
import { blockedReasonOf, receivingOf, reportingOf } from './exchange.ts';
import { isSame, servicesOfOrigin } from './known-servers.ts';
import { nextToRequest } from './start-queue.ts';
import type { LinkStatus, Next, ServerView } from '../../core/server-view.ts';
import type { ServerProfile } from '../../core/status.ts';
import type { Package, PackageId } from '../../core/model.ts';
import type { ServerServices } from './messages.ts';
import type { KnownServer, RviAgentState, RviState } from './model.ts';

export function viewOf(state: RviAgentState, services: ServerServices, nowMs: number): ServerView {
  const { core, backend } = state;
  const { server, previousServers } = backend;
  const one = (id: PackageId) => core.packages.get(keyOf(id));
  return {
    vin: backend.vin,
    link: linkOf(backend, nowMs),
    backend: {
      services,
      servicesFrom: server.services === undefined ? 'configuration' : 'notify',
      ...profileOf(server),
    },
    previousServers: previousServers.toReversed().map((other) => ({
      start: other.services?.start ?? '',
      ...profileOf(other),
    })),
    serverOf: (id) => {
      const own = servicesOfOrigin(backend, id);
      return own === undefined || isSame(own, server.services) ? undefined : own.start;
    },
    waitsFor: (id) => waitsFor(backend, one(id)),
    next: (id) => nextOf(state, one(id), nowMs),
    reportAttempts: (id) => reportingOf(backend, id).attempts,
  };
}

function profileOf({ dialect, hasNoInstallTimeout, learned }: KnownServer): ServerProfile {
  return {
    messages: dialect,
    // Until a notify shows it, the agent assumes a server that gives up.
    keepAlive: !hasNoInstallTimeout,
    learned: { afterStart: learned['after-start'], resume: learned.resume, ack: learned.ack },
  };
}

function linkOf({ link, serverAvailability, outage }: RviState, nowMs: number): LinkStatus {
  const rejects = outage?.kind === 'message' ? '; the node does not accept messages' : '';
  const reason = outage === undefined || rejects === '' ? '' : ` (${outage.reason})`;
  switch (link.kind) {
    case 'closed':
      return { kind: 'down', detail: link.reason };
    case 'down': {
      const failures = `(${link.failures} failures in a row)`;
      return { kind: 'down', detail: `${link.reason} ${failures}${rejects}` };
    }
    case 'registering':
      return { kind: 'registering', detail: `registering the services${rejects}${reason}` };
    case 'up': {
      const { untilMs } = serverAvailability;
      const isOffline = untilMs !== undefined && nowMs < untilMs;
      const detail = isOffline
        ? 'registered; the node reports that the server is offline'
        : 'registered';
      return { kind: 'up', detail: `${detail}${rejects}${reason}` };
    }
    default:
      return unreachable(link);
  }
}

function waitsFor(own: RviState, one: Package | undefined): string | undefined {
  if (one === undefined) return undefined;
  const blocked = blockedReasonOf(own, one.id);
  if (blocked !== undefined) return blocked;
  if (activityOf(one) !== undefined) return undefined;
  if (own.outage?.kind === 'message' && !inPhase(one, 'offered')) {
    return `the node to accept messages (${own.outage.reason})`;
  }
  if (inPhase(one, 'accepted')) return 'the server to start the transfer';
  if (inPhase(one, 'reporting')) {
    return 'confirmation that the server received the report (an inventory request)';
  }
  if (!inPhase(one, 'receiving') || one.phase.finished) return undefined;
  const { method } = receivingOf(own, one.id);
  return method === undefined ? 'the next chunk' : `an answer to the ack '${method}'`;
}

function nextOf(state: RviAgentState, one: Package | undefined, nowMs: number): Next | undefined {
  if (one === undefined || reservationOf(one) !== undefined) return undefined;
  if (!isLinked(state.backend) && needsLink(one)) return linkFirst(state.backend, nowMs);
  const later = (next: string): Next => ({ next, nextInMs: undefined });
  if (inPhase(one, 'accepted')) return later(`requests the start${isAfter(state, one)}`);
  if (inPhase(one, 'reporting')) return later('sends the report');
  return undefined;
}

function needsLink(one: Package): boolean {
  if (inPhase(one, 'offered')) return one.started !== undefined;
  if (inPhase(one, 'receiving')) return !one.phase.finished;
  return inPhase(one, 'accepted') || inPhase(one, 'reporting');
}

/** The agent sends nothing to the server before it has registered. */
function linkFirst({ link }: RviState, nowMs: number): Next {
  switch (link.kind) {
    case 'down': {
      const nextInMs = Math.max(0, Math.round(link.dueMs - nowMs));
      return { next: 'registers with the node', nextInMs };
    }
    case 'registering':
      return { next: 'registers with the node', nextInMs: 0 };
    default:
      return { next: 'registers when the node can be reached', nextInMs: undefined };
  }
}

/** One at a time: an active package first, then the older one. */
function isAfter(state: RviAgentState, one: Package): string {
  const first =
    nextToRequest(state)?.one ??
    [...state.core.packages.values()].find(
      (other) =>
        keyOf(other.id) !== keyOf(one.id) &&
        (!['offered', 'accepted'].includes(other.phase.kind) || reservationOf(other) !== undefined),
    );
  if (first === undefined || keyOf(first.id) === keyOf(one.id)) return '';
  return `, after ${label(first.id)}`;
}
