// The verbs of the agent: what happens (Event), what is remembered (Fact, Note), what is done
// (Write, Effect). `decide` turns the first into the others. Types only.
import type {
  ServerServices,
  Counters,
  ChunkPage,
  Install,
  HistoryEntry,
  Message,
  MessageDialect,
  PackageId,
  Report,
  ReportCode,
  Request,
  PackageRuntime,
  ResumeMethod,
  ServiceNames,
  ResumeContext,
  Started,
  State,
  RecoverySummary,
  Transfer,
  Update,
} from './model.ts';
import type { ServerAvailability, FailedCall, Link, Outage } from './link-state.ts';

// ---------------------------------------------------------------- what happens

export type Event =
  | { readonly kind: 'booted'; readonly bootId: string; readonly evidence: readonly PayloadScan[] }
  | { readonly kind: 'tick' }
  | { readonly kind: 'request'; readonly request: Request }
  | { readonly kind: 'transport-up' }
  | { readonly kind: 'transport-down'; readonly reason: string }
  /** The address of the agent has changed. */
  | { readonly kind: 'register-again' }
  /** So many requests were refused before they were understood. */
  | { readonly kind: 'refused'; readonly count: number }
  | {
      readonly kind: 'registered';
      readonly names: ServiceNames;
      readonly vin: string | undefined;
      readonly found: ServerServices | undefined;
      /** The node lists the server's services; undefined: the node was not asked. */
      readonly isServerListed?: boolean | undefined;
    }
  /** A call to the node failed: registering, or a message. */
  | ({ readonly kind: 'call-failed' } & FailedCall)
  /** The node accepted a message; submitted only while the state remembers a failure. */
  | { readonly kind: 'message-accepted' }
  /** The wall clock was set while a retry waits that failed for the time on this device. */
  | { readonly kind: 'clock-stepped' }
  /** A message that cannot be spelt: the vehicle has no name in its dialect. The link is sound. */
  | {
      readonly kind: 'message-blocked';
      readonly id: PackageId | undefined;
      readonly reason: string;
    }
  /** What proves a report may overtake the node's answer to it (protocol 1.6). */
  | { readonly kind: 'report-in-flight'; readonly id: PackageId; readonly leaving: boolean }
  /** The node took a message; that it arrives is not said (protocol 1.6). */
  | { readonly kind: 'sent'; readonly message: Message['kind']; readonly id: PackageId | undefined }
  /** A package is spoken of in this dialect, which its notify could not tell. */
  | { readonly kind: 'dialect-used'; readonly dialect: MessageDialect }
  | { readonly kind: 'reserved'; readonly start: StartRequest; readonly number: number }
  | {
      readonly kind: 'not-reserved';
      readonly start: StartRequest;
      readonly number: number;
      readonly code: string;
      readonly reason: string;
    }
  /** The folder of a transfer is gone; with a reason: the disk refused. */
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
      readonly code: ReportCode;
      readonly reason: string;
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
  /** The device must not reboot now; nothing was asked to reboot it. */
  | { readonly kind: 'reboot-denied'; readonly id: PackageId; readonly reason: string }
  | {
      readonly kind: 'checked';
      readonly id: PackageId;
      readonly ok: boolean;
      readonly description: string;
    }
  | { readonly kind: 'inventory-listed'; readonly packages: readonly PackageId[] }
  | { readonly kind: 'inventory-failed'; readonly reason: string }
  /** Of a person, through the control socket. */
  | { readonly kind: 'consent'; readonly id: PackageId }
  | { readonly kind: 'decline'; readonly id: PackageId };

export type StartRequest = Extract<Request, { kind: 'start' }>;

/** What the disk shows of a transfer that the journal knows. */
export type PayloadScan = { readonly number: number; readonly dataBytes: number | undefined };

export type InstallResult =
  | { readonly kind: 'installed'; readonly description: string }
  | { readonly kind: 'reboot-required'; readonly description: string }
  | { readonly kind: 'failed'; readonly code: ReportCode; readonly description: string }
  /** It ended in the middle, and is worth another attempt. */
  | { readonly kind: 'cut'; readonly description: string }
  /** Somebody else holds the lock or the daemon: nothing was tried. */
  | { readonly kind: 'busy'; readonly reason: string };

export type Probe =
  | { readonly kind: 'installed'; readonly description: string }
  /** Installed; it runs only after the reboot that the cut kept from being asked for. */
  | { readonly kind: 'reboot-required'; readonly description: string }
  | { readonly kind: 'not-installed'; readonly description: string }
  /** Nothing on the device can tell. */
  | { readonly kind: 'unknown'; readonly description: string };

// ---------------------------------------------------------------- what is remembered

/** Durable: appended to the journal before anything that depends on it leaves the device. */
export type Fact =
  | { readonly kind: 'server-named'; readonly services: ServerServices }
  /** Without services: of the backend that was named last. */
  | {
      readonly kind: 'resume-method-learned';
      readonly context: ResumeContext;
      readonly method: ResumeMethod;
      readonly services?: ServerServices;
    }
  | {
      readonly kind: 'dialect-learned';
      readonly dialect: MessageDialect;
      readonly hasNoInstallTimeout?: boolean;
    }
  /** The package keeps the services of the backend that was named last before this fact. */
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
  /** The server started a package that waits for consent; without `start`: it gave that up. */
  | { readonly kind: 'start-deferred'; readonly id: PackageId; readonly start?: Started }
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
  /** The data is given up, the wish for the package is not. */
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
  /** The server wants the list of installed packages, and does not ask twice; then: it has it. */
  | { readonly kind: 'inventory-requested'; readonly services?: ServerServices | undefined }
  | { readonly kind: 'inventory-sent' }
  /** The journal was damaged and no copy of some record is left: an attempt may be among them. */
  | { readonly kind: 'records-lost' }
  // Only in a rewritten journal.
  | { readonly kind: 'counters'; readonly nextNumber: number; readonly nextOrder: number }
  | { readonly kind: 'history-entry'; readonly entry: HistoryEntry }
  | { readonly kind: 'confirmation-required'; readonly id: PackageId }
  | {
      readonly kind: 'chunk-page';
      readonly number: number;
      readonly page: number;
      readonly data: ChunkPage;
    };

/** Volatile: folded by the same `apply`, never journaled. */
export type VolatileFact =
  | { readonly kind: 'booting'; readonly bootId: string }
  | { readonly kind: 'number-taken' }
  | { readonly kind: 'link'; readonly link: Link }
  | {
      readonly kind: 'identified';
      readonly names: ServiceNames;
      readonly vin: string | undefined;
      readonly found: ServerServices | undefined;
    }
  | { readonly kind: 'running'; readonly id: PackageId; readonly running: PackageRuntime }
  | { readonly kind: 'away'; readonly away: ServerAvailability }
  | { readonly kind: 'outage'; readonly outage: Outage | undefined }
  | { readonly kind: 'keep-alive'; readonly dueMs: number }
  | { readonly kind: 'listing'; readonly listing: State['inventoryRequest'] }
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

/** Done after the commit; at least once, so each is harmless when repeated. */
export type Effect =
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly code: string;
      readonly fields: { readonly [key: string]: string | number | boolean | undefined };
    }
  | { readonly kind: 'register' }
  | { readonly kind: 'request-start'; readonly id: PackageId }
  /** The list is made of what is committed when it leaves. */
  | { readonly kind: 'ack'; readonly id: PackageId; readonly empty: boolean }
  /** The last ack again, after the finish: it only says that we are still at it. */
  | { readonly kind: 'keep-alive'; readonly id: PackageId }
  /** Of a chunk that no package has: a server that cannot begin anew otherwise throws, and does. */
  | { readonly kind: 'restart-ack'; readonly id: PackageId }
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'list-inventory' }
  | { readonly kind: 'send-inventory'; readonly packages: readonly PackageId[] }
  | { readonly kind: 'reserve'; readonly start: StartRequest; readonly number: number }
  /** Hash on along the gapless prefix, checking what has to be read back. */
  | { readonly kind: 'hash'; readonly number: number }
  | { readonly kind: 'discard'; readonly number: number }
  | { readonly kind: 'prepare'; readonly id: PackageId; readonly transfer: Transfer }
  | {
      readonly kind: 'install';
      readonly id: PackageId;
      readonly transfer: Transfer;
      readonly install: Install;
    }
  | {
      readonly kind: 'probe';
      readonly id: PackageId;
      readonly transfer: Transfer;
      readonly install: Install;
    }
  | { readonly kind: 'reboot'; readonly id: PackageId }
  | { readonly kind: 'check'; readonly id: PackageId };

export type Decision = {
  readonly writes: readonly Write[];
  readonly facts: readonly Fact[];
  readonly notes: readonly VolatileFact[];
  readonly effects: readonly Effect[];
};

/** When a decision is taken, and one throw of the dice for its jitter, in [0, 1). */
export type Moment = { readonly nowMs: number; readonly random: number };
