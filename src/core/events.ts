// The inputs and outputs of the core: events (Event), stored changes (Fact, VolatileFact), actions
// (Write, Effect), and messages to the backend (Signal). Types only.
import type { LogCode, LogLevel } from '../log-codes.ts';
import type {
  Announcement,
  ChunkPage,
  Counters,
  HistoryEntry,
  Install,
  Installing,
  PackageId,
  Rebooting,
  Receiving,
  RecoverySummary,
  Report,
  Reservation,
  Transfer,
  Update,
} from './model.ts';

// ---------------------------------------------------------------- events

export type Event =
  | { readonly kind: 'booted'; readonly bootId: string; readonly payloads: readonly PayloadScan[] }
  /** The transport rejected `count` requests before they were decoded. */
  | { readonly kind: 'refused'; readonly count: number }
  | { readonly kind: 'reserved'; readonly start: Start; readonly number: number }
  | {
      readonly kind: 'not-reserved';
      readonly start: Start;
      readonly number: number;
      readonly code: string;
      readonly reason: string;
    }
  /** The folder of a transfer is removed. With a reason: the removal failed. */
  | { readonly kind: 'discarded'; readonly number: number; readonly reason: string | undefined }
  | { readonly kind: 'hashed'; readonly number: number; readonly sha1: string }
  | { readonly kind: 'chunk-corrupt'; readonly number: number; readonly chunkIndex: number }
  | {
      readonly kind: 'chunk-write-failed';
      readonly number: number;
      readonly chunkIndex: number;
      readonly code: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'prepared';
      readonly id: PackageId;
      readonly number: number;
      readonly installer: string;
      readonly before: string;
    }
  | {
      readonly kind: 'not-prepared';
      readonly id: PackageId;
      readonly number: number;
      readonly failure: PrepareFailure;
    }
  | { readonly kind: 'progress'; readonly id: PackageId; readonly percent: number }
  | { readonly kind: 'install-ended'; readonly id: PackageId; readonly verdict: InstallResult }
  | { readonly kind: 'install-probed'; readonly id: PackageId; readonly probe: Probe }
  | {
      readonly kind: 'reboot-requested';
      readonly id: PackageId;
      readonly ok: boolean;
      readonly description: string;
    }
  /** `[reboot] allow` denied the reboot, so the agent did not request it. */
  | { readonly kind: 'reboot-denied'; readonly id: PackageId; readonly reason: string }
  | {
      readonly kind: 'checked';
      readonly id: PackageId;
      readonly ok: boolean;
      readonly description: string;
    }
  | { readonly kind: 'inventory-listed'; readonly packages: readonly PackageId[] }
  | { readonly kind: 'inventory-failed'; readonly reason: string }
  /** From a user, through the control socket. */
  | { readonly kind: 'consent'; readonly id: PackageId }
  | { readonly kind: 'decline'; readonly id: PackageId };

/** The start of a transfer by the server. */
export type Start = Announcement & { readonly id: PackageId };

/** The size of the data file of a transfer in the journal; undefined: there is no file. */
export type PayloadScan = { readonly number: number; readonly dataBytes: number | undefined };

/** Why an installer cannot start. `decide` maps each kind to a report code. */
export type PrepareFailure =
  | { readonly kind: 'data-not-closed'; readonly code: string; readonly reason: string }
  | { readonly kind: 'no-installer'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly code: Report['code']; readonly reason: string }
  | { readonly kind: 'memo-too-large'; readonly limitBytes: number };

export type InstallResult =
  | { readonly kind: 'installed'; readonly description: string }
  | { readonly kind: 'reboot-required'; readonly description: string }
  | {
      readonly kind: 'failed';
      readonly code: Report['code'];
      readonly description: string;
    }
  /** The installer was interrupted; another attempt makes sense. */
  | { readonly kind: 'interrupted'; readonly description: string }
  /** Another program uses the lock or the daemon, so the installer tried nothing. */
  | { readonly kind: 'busy'; readonly reason: string };

export type Probe =
  | { readonly kind: 'installed'; readonly description: string }
  /** Installed. It takes effect after a reboot, which was not requested yet. */
  | { readonly kind: 'reboot-required'; readonly description: string }
  | { readonly kind: 'not-installed'; readonly description: string }
  /** The device has no evidence either way. */
  | { readonly kind: 'unknown'; readonly description: string };

// ---------------------------------------------------------------- facts

/** Durable: written to the journal before the agent sends anything that depends on it. */
export type Fact =
  | {
      readonly kind: 'offered';
      readonly id: PackageId;
      readonly sizeBytes: number;
      readonly update?: Update | undefined;
    }
  /** Without `by`: the policy accepted it. */
  | { readonly kind: 'consented'; readonly id: PackageId; readonly by?: 'person' }
  /** A user must accept it (again) before the agent receives more. */
  | { readonly kind: 'consent-needed'; readonly id: PackageId }
  /** The server started a package that waits for consent. Without `start`: it gave up the start. */
  | { readonly kind: 'start-deferred'; readonly id: PackageId; readonly start?: Announcement }
  | { readonly kind: 'declined'; readonly id: PackageId }
  | {
      readonly kind: 'transfer-started';
      readonly id: PackageId;
      readonly number: number;
      readonly checksum: string;
      readonly chunksCount: number;
    }
  | {
      readonly kind: 'chunk-stored';
      readonly number: number;
      readonly chunkIndex: number;
      readonly sizeBytes: number;
      readonly crc: number;
    }
  | { readonly kind: 'chunk-removed'; readonly number: number; readonly chunkIndex: number }
  | { readonly kind: 'transfer-complete'; readonly number: number; readonly signature?: string }
  /** The server started another payload of the same update. */
  | { readonly kind: 'extra-package-seen'; readonly id: PackageId }
  /** The data is discarded; the package stays accepted. */
  | { readonly kind: 'transfer-discarded'; readonly id: PackageId }
  | { readonly kind: 'aborted'; readonly id: PackageId }
  | { readonly kind: 'install-started'; readonly id: PackageId; readonly install: Install }
  | { readonly kind: 'reboot-pending'; readonly id: PackageId; readonly bootId: string }
  /** The outcome and the pending report, in one record. */
  | {
      readonly kind: 'outcome-recorded';
      readonly report: Report;
      readonly checksum: string | undefined;
    }
  | { readonly kind: 'report-confirmed'; readonly id: PackageId }
  | { readonly kind: 'attempts-reset'; readonly id: PackageId }
  /** The journal lost records that have no intact copy. They may include an attempt. */
  | { readonly kind: 'records-lost' }
  // Only in a compacted journal.
  | { readonly kind: 'counters'; readonly nextNumber: number; readonly nextOrder: number }
  | { readonly kind: 'history-entry'; readonly entry: HistoryEntry }
  | { readonly kind: 'confirmation-required'; readonly id: PackageId }
  | {
      readonly kind: 'chunk-page';
      readonly number: number;
      readonly page: number;
      readonly data: ChunkPage;
    };

/** Applied like a fact, but never written to the journal. */
export type VolatileFact =
  | { readonly kind: 'booting'; readonly bootId: string }
  | { readonly kind: 'number-taken' }
  | {
      readonly kind: 'reservation';
      readonly id: PackageId;
      readonly reservation: Reservation | undefined;
    }
  | { readonly kind: 'receiving'; readonly id: PackageId; readonly now: Receiving }
  | { readonly kind: 'installing'; readonly id: PackageId; readonly now: Installing }
  | { readonly kind: 'rebooting'; readonly id: PackageId; readonly now: Rebooting }
  | { readonly kind: 'leftover'; readonly number: number; readonly dueMs: number | undefined }
  | { readonly kind: 'counter'; readonly counter: keyof Counters; readonly by?: number }
  | { readonly kind: 'recovered'; readonly summary: RecoverySummary };

// ---------------------------------------------------------------- writes and effects

/** Payload data that must be on flash before the facts of the same decision. */
export type Write = {
  readonly number: number;
  readonly chunkIndex: number;
  readonly data: Uint8Array;
};

/** Executed after the commit, at least once. Each effect is safe to repeat. */
export type Effect =
  | LogEffect
  | { readonly kind: 'list-inventory' }
  | { readonly kind: 'reserve'; readonly start: Start; readonly number: number }
  /** Hashes the gapless prefix, and verifies the CRC of chunks that it reads from flash. */
  | { readonly kind: 'hash'; readonly number: number }
  | { readonly kind: 'discard'; readonly number: number }
  | { readonly kind: 'prepare'; readonly id: PackageId; readonly transfer: Transfer }
  | AttemptEffect<'install'>
  | AttemptEffect<'probe'>
  | { readonly kind: 'reboot'; readonly id: PackageId }
  | { readonly kind: 'check'; readonly id: PackageId };

type AttemptEffect<K> = {
  readonly kind: K;
  readonly id: PackageId;
  readonly transfer: Transfer;
  readonly install: Install;
};

export type LogEffect = {
  readonly kind: 'log';
  readonly level: LogLevel;
  readonly code: LogCode;
  readonly fields: { readonly [key: string]: string | number | boolean | undefined };
};

// ---------------------------------------------------------------- signals to the backend

/** From the core to the backend, in the same commit. */
export type Signal =
  /** The agent started, and the journal is replayed. */
  | { readonly kind: 'booted' }
  /** Space is reserved: the server may send. */
  | { readonly kind: 'transfer-ready'; readonly id: PackageId }
  /** The reservation failed for a reason that may pass. */
  | { readonly kind: 'transfer-postponed'; readonly id: PackageId }
  /** The server started a package that waits for consent. */
  | { readonly kind: 'start-deferred'; readonly id: PackageId }
  /** A start led to no transfer. The outcome contains the reason. */
  | { readonly kind: 'start-rejected'; readonly id: PackageId }
  | { readonly kind: 'chunk-stored'; readonly id: PackageId }
  | { readonly kind: 'chunk-repeated'; readonly id: PackageId; readonly chunkIndex: number }
  /** A stored chunk is corrupt: the server must send it again. */
  | { readonly kind: 'chunk-missing'; readonly id: PackageId }
  | { readonly kind: 'inventory'; readonly packages: readonly PackageId[] };

// ---------------------------------------------------------------- decisions

/** The result of one event. A backend adds its own facts, volatile facts and effects. */
export type DecisionOf<F, V, E> = {
  readonly writes: readonly Write[];
  readonly facts: readonly F[];
  readonly notes: readonly V[];
  readonly effects: readonly E[];
  readonly signals: readonly Signal[];
};

export type Decision = DecisionOf<Fact, VolatileFact, Effect>;

/** The time of a decision, and one random number in [0, 1) for jitter. */
export type Moment = { readonly nowMs: number; readonly random: number };

/** The end of a wait, and the action at that time. Each state that waits has a deadline. */
export type Deadline<Act> = {
  readonly dueMs: number;
  readonly id: PackageId | undefined;
  /** The action as `status` and `why` show it: a verb in the third person, then its object. */
  readonly next: string;
  readonly act: Act;
};
