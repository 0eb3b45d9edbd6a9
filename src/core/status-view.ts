// The state as `status`, `watch` and `why` show it. Plain values, so that the daemon can send them.
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

/** `deadlines`: of a daemon that runs. */
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

/** What the agent does on this device for a package; undefined: it waits. */
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
  if (activity !== undefined) return `${activity} (under way on this device)`;
  const { phase } = one;
  switch (phase.kind) {
    case 'offered':
      return one.update?.isConfirmationWanted === true
        ? "consent, as the server wants it: 'sota-agent accept' or 'decline'"
        : "consent: 'sota-agent accept' or 'decline'";
    case 'accepted':
      return 'the server to start the transfer';
    case 'receiving':
      return phase.finished ? 'the checksum to be computed' : 'the next chunk';
    case 'installing':
      return 'the installer';
    case 'rebooting':
      return phase.now.denial === undefined
        ? 'the reboot that the installer asked for'
        : `permission to reboot: [reboot] allow says no: ${phase.now.denial.reason}`;
    case 'reporting':
      return 'proof that the server has the report';
    default:
      return unreachable(phase);
  }
}

/** Its own timer, what runs on this device, or what has to come first. */
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
  reserving: 'start the transfer when the space is reserved',
  preparing: 'install when the installer is ready',
  installing: 'report when the installer ends',
  probing: 'report or try again when the device was looked at',
  checking: 'report when the check after the reboot ends',
};

function later({ phase }: Package): string {
  switch (phase.kind) {
    case 'offered':
      return 'nothing by itself';
    case 'accepted':
      return 'ask the server to start';
    case 'receiving':
      return phase.finished ? 'install when the checksum is computed' : 'the next chunk';
    case 'installing':
      return 'try again when the data is verified';
    case 'rebooting':
      return 'report after the reboot';
    case 'reporting':
      return 'send the report';
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
