// The verbs of the core: what happens (Event), what is remembered (Fact, VolatileFact), what is
// done (Write, Effect), and what the backend hears of it (Signal). Types only.
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

// ---------------------------------------------------------------- what happens

export type Event =
  | { readonly kind: 'booted'; readonly bootId: string; readonly evidence: readonly PayloadScan[] }
  /** So many requests were rejected before they were decoded. */
  | { readonly kind: 'refused'; readonly count: number }
  | { readonly kind: 'reserved'; readonly start: Start; readonly number: number }
  | {
      readonly kind: 'not-reserved';
      readonly start: Start;
      readonly number: number;
      readonly code: string;
      readonly reason: string;
    }
  /** The folder of a transfer is removed; with a reason: the disk refused. */
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
  /** The device must not reboot yet; the agent did not request the reboot. */
  | { readonly kind: 'reboot-denied'; readonly id: PackageId; readonly reason: string }
  | {
      readonly kind: 'checked';
      readonly id: PackageId;
      readonly ok: boolean;
      readonly description: string;
    }
  | { readonly kind: 'inventory-listed'; readonly packages: readonly PackageId[] }
  | { readonly kind: 'inventory-failed'; readonly reason: string }
  /** From a person, through the control socket. */
  | { readonly kind: 'consent'; readonly id: PackageId }
  | { readonly kind: 'decline'; readonly id: PackageId };

/** A transfer of a package that a server began. */
export type Start = Announcement & { readonly id: PackageId };

/** What the disk shows of a transfer that the journal knows. */
export type PayloadScan = { readonly number: number; readonly dataBytes: number | undefined };

/** Why an installer cannot begin; `decide` maps each to the code of a report. */
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
  | { readonly kind: 'cut'; readonly description: string }
  /** Another program has the lock or the daemon: nothing was tried. */
  | { readonly kind: 'busy'; readonly reason: string };

export type Probe =
  | { readonly kind: 'installed'; readonly description: string }
  /** Installed; it runs only after a reboot, which was not requested yet. */
  | { readonly kind: 'reboot-required'; readonly description: string }
  | { readonly kind: 'not-installed'; readonly description: string }
  /** The device has no evidence either way. */
  | { readonly kind: 'unknown'; readonly description: string };

// ---------------------------------------------------------------- what is remembered

/** Durable: in the journal before anything that depends on it leaves the device. */
export type Fact =
  | {
      readonly kind: 'offered';
      readonly id: PackageId;
      readonly sizeBytes: number;
      readonly update?: Update | undefined;
    }
  /** Without `by`: the policy accepted it. */
  | { readonly kind: 'consented'; readonly id: PackageId; readonly by?: 'person' }
  /** A person must accept it (again) before anything more is received. */
  | { readonly kind: 'consent-needed'; readonly id: PackageId }
  /** The server began a package that waits for consent; without `start`: it gave that up. */
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
  /** The server began another payload of the same update. */
  | { readonly kind: 'extra-package-seen'; readonly id: PackageId }
  /** The data is given up; the package stays wanted. */
  | { readonly kind: 'transfer-discarded'; readonly id: PackageId }
  | { readonly kind: 'aborted'; readonly id: PackageId }
  | { readonly kind: 'install-started'; readonly id: PackageId; readonly install: Install }
  | { readonly kind: 'reboot-pending'; readonly id: PackageId; readonly bootId: string }
  /** Outcome and the duty to report it, in one record. */
  | {
      readonly kind: 'outcome-recorded';
      readonly report: Report;
      readonly checksum: string | undefined;
    }
  | { readonly kind: 'report-confirmed'; readonly id: PackageId }
  | { readonly kind: 'attempts-reset'; readonly id: PackageId }
  /** The journal was damaged and no copy of some record is left: an attempt may be among them. */
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

/** Folded like a fact, and never journaled. */
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
  | { readonly kind: 'recovered'; readonly survival: RecoverySummary };

// ---------------------------------------------------------------- what is done

/** Payload that must be on flash before the facts of the same decision. */
export type Write = {
  readonly number: number;
  readonly chunkIndex: number;
  readonly data: Uint8Array;
};

/** Done after the commit, at least once: each is harmless when repeated. */
export type Effect =
  | LogEffect
  | { readonly kind: 'list-inventory' }
  | { readonly kind: 'reserve'; readonly start: Start; readonly number: number }
  /** Hash along the gapless prefix, and check what has to be read back. */
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

// ---------------------------------------------------------------- what the backend hears

/** From the core to the backend, in the same commit. */
export type Signal =
  /** The agent started: the journal is replayed. */
  | { readonly kind: 'booted' }
  /** There is space: the server may send. */
  | { readonly kind: 'transfer-ready'; readonly id: PackageId }
  /** There was no space now; the failure may pass. */
  | { readonly kind: 'transfer-postponed'; readonly id: PackageId }
  /** The server began a package that waits for consent. */
  | { readonly kind: 'start-deferred'; readonly id: PackageId }
  /** A start led to no transfer; the outcome says why. */
  | { readonly kind: 'start-rejected'; readonly id: PackageId }
  | { readonly kind: 'chunk-stored'; readonly id: PackageId }
  | { readonly kind: 'chunk-repeated'; readonly id: PackageId }
  /** A chunk turned out corrupt: the server has to send it again. */
  | { readonly kind: 'chunk-missing'; readonly id: PackageId }
  | { readonly kind: 'inventory'; readonly packages: readonly PackageId[] };

// ---------------------------------------------------------------- decisions

/** What one event leads to. A backend adds facts, volatile facts and effects of its own. */
export type DecisionOf<F, V, E> = {
  readonly writes: readonly Write[];
  readonly facts: readonly F[];
  readonly notes: readonly V[];
  readonly effects: readonly E[];
  readonly signals: readonly Signal[];
};

export type Decision = DecisionOf<Fact, VolatileFact, Effect>;

/** When a decision is taken, and one random number for its jitter, in [0, 1). */
export type Moment = { readonly nowMs: number; readonly random: number };

/** Every state that can wait has one: what happens at the end of the wait. */
export type Deadline<Act> = {
  readonly dueMs: number;
  readonly id: PackageId | undefined;
  /** What happens then, for people. */
  readonly next: string;
  readonly act: Act;
};
