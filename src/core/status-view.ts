// Builds the status that `status`, `watch` and `why` show: plain values that the daemon can send.
import { unreachable } from '../assert.ts';
import { inPhase, keyOf, reservationOf, transferOf } from './decision-helpers.ts';
import { chunksExpected } from './phases.ts';
import { sentencesOf } from './recovery-summary.ts';
import type { Deadline } from './events.ts';
import type { Package, State } from './model.ts';
import type { Next, ServerView } from './server-view.ts';
import type { PackageStatus, ReportStatus, Status } from './status.ts';
import type { UpdateStatus } from './status.ts';

export type Surroundings = {
  readonly version: string;
  readonly uptimeMs: number;
  readonly nowMs: number;
  readonly source: 'daemon' | 'flash';
  readonly vin: string | undefined;
  readonly uuid: string | undefined;
  readonly storageError: string | undefined;
};

type Deadlines = readonly Pick<Deadline<unknown>, 'dueMs' | 'id' | 'next'>[];

/** `deadlines`: those of a running daemon; empty if the state was read from flash. */
export function describe(
  state: State,
  view: ServerView,
  deadlines: Deadlines,
  around: Surroundings,
): Status {
  const { version, uptimeMs, source, storageError, nowMs } = around;
  const isLive = source === 'daemon';
  const packages = [...state.packages.values()].sort((a, b) => a.order - b.order);
  const all = isLive ? deadlines : [];
  return {
    agent: { version, uptimeMs, source },
    vehicle: { vin: view.vin ?? around.vin, uuid: around.uuid },
    link: isLive ? view.link : { kind: 'unknown', detail: 'the daemon is not running' },
    backend: view.backend,
    previousServers: view.previousServers,
    packages: packages.map((one) => packageOf(one, view, nextOf(one, view, all, nowMs))),
    reports: packages.flatMap((one) => reportOf(one, view, nextOf(one, view, all, nowMs))),
    history: [...state.history.values()],
    recovered: sentencesOf(state),
    counters: state.counters,
    storageError,
  };
}

function packageOf(one: Package, view: ServerView, next: Next): PackageStatus {
  const { id, sizeBytes, phase } = one;
  const transfer = transferOf(one);
  const server = view.serverOf(id);
  return {
    id,
    sizeBytes,
    update: updateOf(one),
    phase: phase.kind,
    ...(server === undefined ? {} : { server }),
    chunksHeld: transfer?.chunks.count ?? 0,
    chunksCount: transfer === undefined ? 0 : chunksExpected(transfer.chunksCount),
    installPercent: phase.kind === 'installing' ? phase.now.percent : undefined,
    waitsFor: view.waitsFor(id) ?? waitsFor(one),
    ...next,
  };
}

function updateOf({ update }: Package): UpdateStatus | undefined {
  if (update === undefined) return undefined;
  const { description, signature, isConfirmationWanted } = update;
  return { description, signature, requestConfirmation: isConfirmationWanted };
}

type Activity = 'reserving' | 'preparing' | 'installing' | 'probing' | 'checking';

/** Returns the running activity of a package on this device; undefined: the package waits. */
export function activityOf(one: Package): Activity | undefined {
  if (reservationOf(one) !== undefined) return 'reserving';
  const { phase } = one;
  if (phase.kind === 'receiving') return phase.now.isPreparing ? 'preparing' : undefined;
  if (phase.kind === 'rebooting') return phase.now.step === 'checking' ? 'checking' : undefined;
  if (phase.kind !== 'installing') return undefined;
  const { step } = phase.now;
  return step === 'installing' || step === 'probing' ? step : undefined;
}

function waitsFor(one: Package): string {
  const activity = activityOf(one);
  if (activity !== undefined) return `${activity} (in progress on this device)`;
  const { phase } = one;
  switch (phase.kind) {
    case 'offered':
      return one.update?.isConfirmationWanted === true
        ? "consent, required by the server: 'sota-agent accept' or 'decline'"
        : "consent: 'sota-agent accept' or 'decline'";
    case 'accepted':
      return 'the server to start the transfer';
    case 'receiving':
      return phase.finished ? 'the checksum to be computed' : 'the next chunk';
    case 'installing':
      return 'the installer';
    case 'rebooting':
      return phase.now.denial === undefined
        ? 'the reboot that the installer requires'
        : `permission to reboot: [reboot] allow denied it: ${phase.now.denial.reason}`;
    case 'reporting':
      return 'confirmation that the server received the report';
    default:
      return unreachable(phase);
  }
}

/** Returns the next action: of its timer, of the running activity, or of the backend. */
function nextOf(one: Package, view: ServerView, all: Deadlines, nowMs: number): Next {
  const due = dueOf(one, all);
  if (due !== undefined) {
    return { next: due.next, nextInMs: Math.max(0, Math.round(due.dueMs - nowMs)) };
  }
  const activity = activityOf(one);
  if (activity !== undefined) return { next: afterActivity[activity], nextInMs: undefined };
  return view.next(one.id) ?? { next: later(one), nextInMs: undefined };
}

function dueOf(one: Package, all: Deadlines): Deadlines[number] | undefined {
  const own = all.filter(({ id }) => id !== undefined && keyOf(id) === keyOf(one.id));
  return own.reduce<Deadlines[number] | undefined>(
    (first, next) => (first === undefined || next.dueMs < first.dueMs ? next : first),
    undefined,
  );
}

const afterActivity: { readonly [A in Activity]: string } = {
  reserving: 'starts the transfer when the space is reserved',
  preparing: 'installs when the installer is ready',
  installing: 'reports when the installer ends',
  probing: 'reports or retries when the probe ends',
  checking: 'reports when the check after the reboot ends',
};

function later({ phase }: Package): string {
  switch (phase.kind) {
    case 'offered':
      return 'requests the start after consent';
    case 'accepted':
      return 'requests the start';
    case 'receiving':
      return phase.finished ? 'installs when the checksum is computed' : 'stores the next chunk';
    case 'installing':
      return 'retries when the payload is verified';
    case 'rebooting':
      return 'reports after the reboot';
    case 'reporting':
      return 'sends the report';
    default:
      return unreachable(phase);
  }
}

function reportOf(one: Package, view: ServerView, { nextInMs }: Next): readonly ReportStatus[] {
  if (!inPhase(one, 'reporting')) return [];
  const { id, phase } = one;
  const { status, description } = phase.report;
  return [{ id, status, description, attempts: view.reportAttempts(id), nextInMs }];
}
