// What a fact means. The running agent and the one that replays the journal after a cut share this
// function; that is why a reboot needs no program of its own.
import { unreachable } from '../assert.ts';
import { learnedDialect, learnedMethod, named, newServer } from './known-servers.ts';
import {
  aborted,
  attemptsOf,
  changePhase,
  changeTransfer,
  forgiven,
  put,
  remember,
  setRunning,
  unfinished,
  without,
} from './state-updates.ts';
import {
  consented,
  consentNeeded,
  declined,
  knownTo,
  offered,
  servicesNow,
  withConfirmation,
  withoutStarted,
} from './consent.ts';
import { applyNote } from './apply-volatile.ts';
import { byNumber, idle, keyOf, transferOf } from './decision-helpers.ts';
import { removeChunk, addChunk, addPage, isAllStored, emptyChunkSet } from './chunk-set.ts';
import type { Fact, VolatileFact } from './events.ts';
import type { PackageId, State, Transfer } from './model.ts';

export const initialState: State = {
  server: newServer,
  previousServers: [],
  packages: new Map(),
  history: new Map(),
  nextNumber: 1,
  nextOrder: 1,
  hasLostRecords: false,
  bootId: '',
  link: { kind: 'closed', reason: 'starting' },
  ownServices: undefined,
  vin: undefined,
  discoveredServices: undefined,
  outage: undefined,
  serverAvailability: { untilMs: undefined, backMs: undefined },
  running: new Map(),
  inventoryRequest: undefined,
  confirmations: [],
  progressAckMs: undefined,
  cleanups: new Map(),
  counters: { refused: 0, chunksWritten: 0, chunksRepeated: 0 },
  recovered: new Map(),
};

export function replay(facts: Iterable<Fact>): State {
  let state = initialState;
  for (const fact of facts) state = apply(state, fact);
  return state;
}

export function apply(state: State, fact: Fact): State {
  switch (fact.kind) {
    case 'server-named':
      return named(state, fact.services);
    case 'resume-method-learned':
      return learnedMethod(state, fact);
    case 'dialect-learned':
      return learnedDialect(state, fact);
    case 'offered':
      return offered(state, fact);
    case 'consented':
      return consented(state, fact);
    case 'declined':
      return declined(state, fact.id);
    case 'consent-needed':
      return consentNeeded(state, fact.id);
    case 'start-deferred': {
      const one = state.packages.get(keyOf(fact.id));
      return one === undefined ? state : put(state, { ...one, started: fact.start });
    }
    case 'transfer-started':
      return opened(state, fact);
    case 'chunk-stored':
      return changeTransfer(state, fact.number, (transfer) => ({
        ...transfer,
        chunks: addChunk(transfer.chunks, fact.chunkIndex, fact.crc),
        lastChunkBytes: isLast(transfer, fact.chunkIndex)
          ? fact.sizeBytes
          : transfer.lastChunkBytes,
      }));
    case 'chunk-removed':
      return unfinished(
        changeTransfer(state, fact.number, (transfer) => ({
          ...transfer,
          chunks: removeChunk(transfer.chunks, fact.chunkIndex),
          lastChunkBytes: isLast(transfer, fact.chunkIndex) ? undefined : transfer.lastChunkBytes,
        })),
        fact.number,
      );
    case 'chunk-page':
      return changeTransfer(state, fact.number, (transfer) => ({
        ...transfer,
        chunks: addPage(transfer.chunks, fact.page, fact.data),
      }));
    default:
      return applyOutcome(state, fact);
  }
}

const isLast = ({ chunksCount }: Transfer, chunkIndex: number) =>
  chunkIndex === Math.max(1, chunksCount);

type OutcomeFact = Exclude<
  Fact,
  {
    readonly kind:
      | 'server-named'
      | 'resume-method-learned'
      | 'dialect-learned'
      | 'offered'
      | 'consented'
      | 'declined'
      | 'consent-needed'
      | 'start-deferred'
      | 'transfer-started'
      | 'chunk-stored'
      | 'chunk-removed'
      | 'chunk-page';
  }
>;

function applyOutcome(state: State, fact: OutcomeFact): State {
  switch (fact.kind) {
    case 'transfer-complete':
      return finished(state, fact);
    case 'extra-package-seen': {
      const one = state.packages.get(keyOf(fact.id));
      return one === undefined ? state : put(state, { ...one, isMultiPackage: true });
    }
    case 'transfer-discarded':
      return changePhase(state, fact.id, (phase) =>
        'transfer' in phase ? { kind: 'accepted' } : phase,
      );
    case 'aborted':
      return aborted(state, fact.id);
    case 'install-started':
      return intended(state, fact);
    case 'reboot-pending':
      return changePhase(state, fact.id, (phase) =>
        phase.kind === 'installing' ? { ...phase, kind: 'rebooting', bootId: fact.bootId } : phase,
      );
    case 'outcome-recorded':
      return settled(state, fact);
    case 'report-confirmed':
      return reported(state, fact.id);
    case 'inventory-requested':
      return { ...state, inventoryRequest: { asked: 0, dueMs: 0, services: fact.services } };
    case 'inventory-sent':
      return { ...state, inventoryRequest: undefined };
    case 'records-lost':
      return { ...state, hasLostRecords: true };
    case 'attempts-reset':
      return forgiven(state, fact.id);
    case 'counters':
      return { ...state, nextNumber: fact.nextNumber, nextOrder: fact.nextOrder };
    case 'history-entry':
      return remember(state, fact.entry);
    case 'confirmation-required':
      return withConfirmation(state, fact.id);
    default:
      return unreachable(fact);
  }
}

function opened(before: State, fact: Extract<Fact, { kind: 'transfer-started' }>): State {
  // A number is used once; the other holder had a fact that is lost.
  const other = byNumber(before, fact.number)?.id;
  const state = changePhase(before, other, () => ({ kind: 'accepted' }));
  const known = knownTo(state, fact.id);
  const { number, checksum, chunksCount } = fact;
  const transfer = {
    number,
    checksum,
    chunksCount,
    chunks: emptyChunkSet,
    lastChunkBytes: undefined,
  };
  const next = changePhase(withoutStarted(known, fact.id), fact.id, () => ({
    kind: 'receiving',
    transfer,
    finished: false,
  }));
  return { ...next, nextNumber: Math.max(state.nextNumber, number + 1) };
}

/** The signature that comes with the bytes is the newer one. */
function finished(state: State, fact: Extract<Fact, { kind: 'transfer-complete' }>): State {
  const one = byNumber(state, fact.number);
  if (one === undefined) return state;
  const { signature } = fact;
  const isNews = one.update !== undefined && signature !== undefined;
  const signed = isNews ? put(state, { ...one, update: { ...one.update, signature } }) : state;
  // Without each chunk it is not: a record of one is lost, and the chunk is received again.
  return changePhase(signed, one.id, (phase) =>
    phase.kind === 'receiving' && isAllStored(phase.transfer)
      ? { ...phase, finished: true }
      : phase,
  );
}

function intended(state: State, fact: Extract<Fact, { kind: 'install-started' }>): State {
  const one = state.packages.get(keyOf(fact.id));
  const transfer = one === undefined ? undefined : transferOf(one);
  if (transfer === undefined) return state;
  const attempts = attemptsOf(state, fact.id, transfer.checksum) + 1;
  const next = changePhase(state, fact.id, () => ({
    kind: 'installing',
    transfer,
    install: fact.install,
  }));
  const { checksum } = transfer;
  return remember(next, { id: fact.id, checksum, attempts, outcome: 'open', description: '' });
}

function settled(state: State, fact: Extract<Fact, { kind: 'outcome-recorded' }>): State {
  const { report, checksum } = fact;
  const known = withoutStarted(knownTo(state, report.id), report.id);
  const noted =
    checksum === undefined
      ? known
      : remember(known, {
          id: report.id,
          checksum,
          attempts: attemptsOf(known, report.id, checksum),
          outcome: report.status ? 'installed' : 'failed',
          description: report.description,
        });
  const next = changePhase(noted, report.id, () => ({
    kind: 'reporting',
    report,
    again: 'no',
    offeredBy: undefined,
  }));
  // Also when an earlier report was owed: nobody has heard of this one.
  return setRunning(next, report.id, idle);
}

function reported(state: State, id: PackageId): State {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || one.phase.kind !== 'reporting') return state;
  const { again } = one.phase;
  if (again === 'no') return without(state, id);
  const next = put(state, { ...one, services: servicesNow(one) });
  return changePhase(next, id, () => ({ kind: again === 'offered' ? 'offered' : 'accepted' }));
}

export function applyAll(
  state: State,
  facts: readonly Fact[],
  notes: readonly VolatileFact[] = [],
): State {
  return notes.reduce(applyNote, facts.reduce(apply, state));
}
