// The state in words, for `status`, `watch` and `why`.
import { unreachable } from '../assert.ts';
import { isSame } from './known-servers.ts';
import { inPhase, keyOf, runningOf, transferOf } from './decision-helpers.ts';
import { chunksExpected } from './resume-strategy.ts';
import { sentencesOf } from './recovery-summary.ts';
import { nextOf } from './next.ts';
import { deadlines } from './timers.ts';
import type { KnownServer, ServerServices, Package, State } from './model.ts';
import type { Outage } from './link-state.ts';
import type { Deadline } from './timers.ts';
import type { ServerProfile, PackageStatus, ReportStatus, Status } from './status.ts';
import type { UpdateStatus } from './status.ts';

export type Surroundings = {
  readonly version: string;
  readonly uptimeMs: number;
  readonly nowMs: number;
  readonly source: 'daemon' | 'flash';
  readonly vin: string | undefined;
  readonly uuid: string | undefined;
  readonly services: ServerServices;
  readonly trouble: string | undefined;
};

export function describe(state: State, around: Surroundings): Status {
  const { version, uptimeMs, source, services, trouble: storageError } = around;
  const isLive = source === 'daemon';
  const all = isLive ? deadlines(state) : [];
  const packages = [...state.packages.values()].sort((a, b) => a.order - b.order);
  return {
    agent: { version, uptimeMs, source },
    vehicle: { vin: state.vin ?? around.vin, uuid: around.uuid },
    link: isLive
      ? linkOf(state, around.nowMs)
      : { kind: 'unknown', detail: 'the daemon is not running' },
    backend: {
      services,
      servicesFrom: state.server.services === undefined ? 'configuration' : 'notify',
      ...learntOf(state.server),
    },
    previousServers: state.previousServers.toReversed().map((one) => ({
      start: one.services?.start ?? '',
      ...learntOf(one),
    })),
    packages: packages.map((one) => packageOf(state, one, all, around.nowMs)),
    reports: packages.flatMap((one) => reportOf(state, one, all, around.nowMs)),
    history: [...state.history.values()],
    recovered: sentencesOf(state),
    counters: state.counters,
    storageError,
  };
}

function learntOf({ dialect, hasNoInstallTimeout, learned }: KnownServer): ServerProfile {
  return {
    messages: dialect,
    // Until a notify tells, it is taken for one that gives up.
    keepAlive: !hasNoInstallTimeout,
    learned: { afterStart: learned['after-start'], resume: learned.resume },
  };
}

function linkOf({ link, serverAvailability, outage }: State, nowMs: number): Status['link'] {
  switch (link.kind) {
    case 'closed':
      return { kind: 'down', detail: link.reason };
    case 'down':
      return {
        kind: 'down',
        detail: `${link.reason} (${link.failures} failures in a row)${deafness(outage, false)}`,
      };
    case 'registering':
      return { kind: 'registering', detail: `registering the services${deafness(outage)}` };
    case 'up': {
      const isAway = serverAvailability.untilMs !== undefined && nowMs < serverAvailability.untilMs;
      const detail = isAway ? 'registered; the node says that the server is away' : 'registered';
      return { kind: 'up', detail: `${detail}${deafness(outage)}` };
    }
    default:
      return unreachable(link);
  }
}

function deafness(outage: Outage | undefined, hasReason = true): string {
  if (outage?.kind !== 'message') return '';
  const reason = hasReason ? ` (${outage.reason})` : '';
  return `; the node does not accept messages${reason}`;
}

function dueOf(one: Package, all: readonly Deadline[]): Deadline | undefined {
  const own = all.filter(({ id }) => id !== undefined && keyOf(id) === keyOf(one.id));
  return own.reduce<Deadline | undefined>(
    (first, next) => (first === undefined || next.dueMs < first.dueMs ? next : first),
    undefined,
  );
}

function packageOf(
  state: State,
  one: Package,
  all: readonly Deadline[],
  nowMs: number,
): PackageStatus {
  const transfer = transferOf(one);
  const due = dueOf(one, all);
  return {
    id: one.id,
    sizeBytes: one.sizeBytes,
    update: updateOf(one),
    phase: one.phase.kind,
    ...serverOf(state, one),
    chunksHeld: transfer?.chunks.count ?? 0,
    chunksCount: transfer === undefined ? 0 : chunksExpected(transfer.chunksCount),
    installPercent: runningOf(state, one.id).percent,
    waitsFor: waitsFor(state, one),
    ...nextOf(state, one, due, nowMs),
  };
}

function serverOf({ server }: State, { services }: Package): { readonly server?: string } {
  if (services === undefined || isSame(services, server.services)) return {};
  return { server: services.start };
}

function updateOf({ update }: Package): UpdateStatus | undefined {
  if (update === undefined) return undefined;
  const { description, signature, isConfirmationWanted } = update;
  return { description, signature, requestConfirmation: isConfirmationWanted };
}

function waitsFor(state: State, one: Package): string {
  const { activity, method, blockedReason, denial } = runningOf(state, one.id);
  if (blockedReason !== undefined) return blockedReason;
  if (activity !== undefined) return `${activity} (under way on this device)`;
  if (state.outage?.kind === 'message' && one.phase.kind !== 'offered') {
    return `the node to accept messages (${state.outage.reason})`;
  }
  switch (one.phase.kind) {
    case 'offered':
      return one.update?.isConfirmationWanted === true
        ? "consent, as the server wants it: 'sota-agent accept' or 'decline'"
        : "consent: 'sota-agent accept' or 'decline'";
    case 'accepted':
      return 'the server to start the transfer';
    case 'receiving':
      if (one.phase.finished) return 'the checksum to be computed';
      return method === undefined ? 'the next chunk' : `an answer to the ack '${method}'`;
    case 'installing':
      return 'the installer';
    case 'rebooting':
      return denial === undefined
        ? 'the reboot that the installer asked for'
        : `permission to reboot: [reboot] allow says no: ${denial.reason}`;
    case 'reporting':
      return 'proof that the server has the report (it asks for the packages)';
    default:
      return unreachable(one.phase);
  }
}

function reportOf(
  state: State,
  one: Package,
  all: readonly Deadline[],
  nowMs: number,
): readonly ReportStatus[] {
  if (!inPhase(one, 'reporting')) return [];
  const { status, description } = one.phase.report;
  const { nextInMs } = nextOf(state, one, dueOf(one, all), nowMs);
  return [
    { id: one.id, status, description, attempts: runningOf(state, one.id).attempts, nextInMs },
  ];
}
