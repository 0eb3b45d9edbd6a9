// Applies each kind of fact to the state. The running agent and the replay of the journal use the
// same table, so recovery after a power loss needs no separate code.
import {
  consented,
  consentNeeded,
  declined,
  knownTo,
  offered,
  withConfirmation,
  withoutStarted,
} from './consent.ts';
import { addChunk, addPage, emptyChunkSet, removeChunk } from './chunk-set.ts';
import { byNumber, keyOf, transferOf } from './decision-helpers.ts';
import {
  accepted,
  chunksExpected,
  installingPhase,
  isAllStored,
  rebootingAtFirst,
  receivingPhase,
} from './phases.ts';
import {
  aborted,
  attemptsOf,
  attemptsReset,
  changePackage,
  changePhase,
  changeTransfer,
  put,
  remember,
  unfinished,
  without,
} from './state-updates.ts';
import type { Fact } from './events.ts';
import type { PackageId, State, Transfer } from './model.ts';

type Of<K extends Fact['kind']> = Extract<Fact, { readonly kind: K }>;
type Table = { readonly [K in Fact['kind']]: (state: State, fact: Of<K>) => State };

export const initialState: State = {
  packages: new Map(),
  history: new Map(),
  confirmations: [],
  nextNumber: 1,
  nextOrder: 1,
  hasLostRecords: false,
  bootId: '',
  cleanups: new Map(),
  counters: { refused: 0, chunksWritten: 0, chunksRepeated: 0 },
  recovered: new Map(),
};

const table: Table = {
  offered,
  consented,
  declined: (state, { id }) => declined(state, id),
  'consent-needed': (state, { id }) => consentNeeded(state, id),
  'start-deferred': (state, { id, start }) =>
    changePackage(state, id, (one) => ({ ...one, started: start })),
  'transfer-started': started,
  'chunk-stored': (state, { number, chunkIndex, sizeBytes, crc }) =>
    changeTransfer(state, number, (transfer) => ({
      ...transfer,
      chunks: addChunk(transfer.chunks, chunkIndex, crc),
      lastChunkBytes: isLast(transfer, chunkIndex) ? sizeBytes : transfer.lastChunkBytes,
    })),
  'chunk-removed': (state, { number, chunkIndex }) =>
    unfinished(
      changeTransfer(state, number, (transfer) => ({
        ...transfer,
        chunks: removeChunk(transfer.chunks, chunkIndex),
        lastChunkBytes: isLast(transfer, chunkIndex) ? undefined : transfer.lastChunkBytes,
      })),
      number,
    ),
  'chunk-page': (state, { number, page, data }) =>
    changeTransfer(state, number, (transfer) => ({
      ...transfer,
      chunks: addPage(transfer.chunks, page, data),
    })),
  'transfer-complete': finished,
  'extra-package-seen': (state, { id }) =>
    changePackage(state, id, (one) => ({ ...one, isMultiPackage: true })),
  'transfer-discarded': (state, { id }) =>
    changePhase(state, id, (phase) => ('transfer' in phase ? accepted : phase)),
  aborted: (state, { id }) => aborted(state, id),
  'install-started': installStarted,
  'reboot-pending': (state, { id, bootId }) =>
    changePhase(state, id, (phase) =>
      phase.kind === 'installing'
        ? { ...phase, kind: 'rebooting', bootId, now: rebootingAtFirst }
        : phase,
    ),
  'outcome-recorded': outcomeRecorded,
  'report-confirmed': (state, { id }) => reported(state, id),
  'attempts-reset': (state, { id }) => attemptsReset(state, id),
  'records-lost': (state) => ({ ...state, hasLostRecords: true }),
  counters: (state, { nextNumber, nextOrder }) => ({ ...state, nextNumber, nextOrder }),
  'history-entry': (state, { entry }) => remember(state, entry),
  'confirmation-required': (state, { id }) => withConfirmation(state, id),
};

export function isCoreFact(fact: { readonly kind: string }): fact is Fact {
  return Object.hasOwn(table, fact.kind);
}

export function apply<K extends Fact['kind']>(state: State, fact: Of<K>): State {
  const kind: K = fact.kind;
  return table[kind](state, fact);
}

const isLast = ({ chunksCount }: Transfer, chunkIndex: number) =>
  chunkIndex === chunksExpected(chunksCount);

function started(before: State, fact: Of<'transfer-started'>): State {
  // Each number is used once. If it is in use, the fact that ended the other transfer was lost.
  const other = byNumber(before, fact.number)?.id;
  const state = knownTo(
    changePhase(before, other, () => accepted),
    fact.id,
  );
  const { number, checksum, chunksCount } = fact;
  const chunks = emptyChunkSet;
  const transfer = { number, checksum, chunksCount, chunks, lastChunkBytes: undefined };
  const next = changePhase(withoutStarted(state, fact.id), fact.id, () => receivingPhase(transfer));
  return { ...next, nextNumber: Math.max(state.nextNumber, number + 1) };
}

/** The signature of the transfer replaces the one of the offer, because it is newer. */
function finished(state: State, { number, signature }: Of<'transfer-complete'>): State {
  const one = byNumber(state, number);
  if (one === undefined) return state;
  const isNews = one.update !== undefined && signature !== undefined;
  const signed = isNews ? put(state, { ...one, update: { ...one.update, signature } }) : state;
  // If the record of a chunk is lost, the transfer is not complete: the chunk is received again.
  return changePhase(signed, one.id, (phase) =>
    phase.kind === 'receiving' && isAllStored(phase.transfer)
      ? { ...phase, finished: true }
      : phase,
  );
}

function installStarted(state: State, { id, install }: Of<'install-started'>): State {
  const one = state.packages.get(keyOf(id));
  const transfer = one === undefined ? undefined : transferOf(one);
  if (transfer === undefined) return state;
  const attempts = attemptsOf(state, id, transfer.checksum) + 1;
  const next = changePhase(state, id, () => installingPhase(transfer, install));
  const { checksum } = transfer;
  return remember(next, { id, checksum, attempts, outcome: 'open', description: '' });
}

function outcomeRecorded(state: State, { report, checksum }: Of<'outcome-recorded'>): State {
  const { id, description } = report;
  const known = withoutStarted(knownTo(state, id), id);
  const outcome = report.status ? 'installed' : 'failed';
  const noted =
    checksum === undefined
      ? known
      : remember(known, {
          ...{ id, checksum, outcome, description },
          attempts: attemptsOf(known, id, checksum),
        });
  return changePhase(noted, id, () => ({
    kind: 'reporting',
    report,
    again: 'no',
    reservation: undefined,
  }));
}

function reported(state: State, id: PackageId): State {
  const one = state.packages.get(keyOf(id));
  if (one === undefined || one.phase.kind !== 'reporting') return state;
  const { again } = one.phase;
  if (again === 'no') return without(state, id);
  return changePhase(state, id, () => (again === 'offered' ? { kind: 'offered' } : accepted));
}
