// The nouns of the agent: what the server asks, what a package is, what the agent knows. Types
// only.

import type { ServerAvailability, Link, Outage } from './link-state.ts';
import type { MessageDialect, Update } from './messages.ts';

export type { Message, MessageDialect, Offer, Request, Update } from './messages.ts';

export type PackageId = { readonly name: string; readonly version: string };

/** The four services of a backend, fully qualified, taken verbatim from a notify. */
export type ServerServices = {
  readonly start: string;
  readonly ack: string;
  readonly report: string;
  readonly packages: string;
};

// ---------------------------------------------------------------- chunks held

/** Chunks of one transfer that are on flash, with their CRC-32: a persistent vector of pages. */
export type ChunkSet = {
  readonly count: number;
  readonly pages: readonly (ChunkPage | undefined)[];
};
export type ChunkPage = { readonly held: Uint8Array; readonly crcs: Uint32Array };

// ---------------------------------------------------------------- what a package is, on flash

export type Transfer = {
  /** Ours; names the folder of the data. */
  readonly number: number;
  /** SHA-1, lower-case hex, as the server announced it. */
  readonly checksum: string;
  /** As announced; 0 for an empty file, which still has one (empty) chunk. */
  readonly chunksCount: number;
  readonly chunks: ChunkSet;
  readonly lastChunkBytes: number | undefined;
};

export type Install = {
  readonly attempt: number;
  readonly installer: string;
  /** What the installer wants back when it probes (JSON text of its own). */
  readonly before: string;
};

export type Phase =
  /** Notified; waits for consent (`accept = "ask"`). */
  | { readonly kind: 'offered' }
  /** `start` is asked for until the server starts it. */
  | { readonly kind: 'accepted' }
  /** The server named checksum and count, space is reserved, chunks come. */
  | { readonly kind: 'receiving'; readonly transfer: Transfer; readonly finished: boolean }
  /** Every byte was here and right; an attempt is on flash and may be running. */
  | { readonly kind: 'installing'; readonly transfer: Transfer; readonly install: Install }
  /** Installed; said only after the reboot that the installer asked for. */
  | {
      readonly kind: 'rebooting';
      readonly transfer: Transfer;
      readonly install: Install;
      readonly bootId: string;
    }
  /**
   * The outcome is known; the report is owed until there is proof. `again`: offered anew
   * meanwhile.
   */
  | {
      readonly kind: 'reporting';
      readonly report: Report;
      readonly again: 'no' | 'offered' | 'consented';
      /** The services of the server that offered it again. */
      readonly offeredBy: ServerServices | undefined;
    };

export type Package = {
  readonly id: PackageId;
  readonly sizeBytes: number;
  readonly update: Update | undefined;
  /** The server has more than this payload under the same id; only one can be installed. */
  readonly isMultiPackage: boolean;
  /** Order of arrival; the oldest is asked for first. */
  readonly order: number;
  /** The services of the server that offered it; undefined: no notify had named any. */
  readonly services: ServerServices | undefined;
  /** A person accepted it; false: the policy did. */
  readonly isByPerson: boolean;
  /** The transfer that the server started before anybody accepted the package. */
  readonly started: Started | undefined;
  readonly phase: Phase;
};

export type Started = { readonly checksum: string; readonly chunksCount: number };

export type Report = {
  readonly id: PackageId;
  readonly status: boolean;
  readonly code: ReportCode;
  readonly description: string;
};

/** GENIVI's result codes (protocol 2.3), by name. */
export type ReportCode =
  | 'ok'
  | 'already-processed'
  | 'validation-failed'
  | 'install-failed'
  | 'user-declined'
  | 'disk-full'
  | 'old-version'
  | 'general-error';

/** Attempts are counted per name, version and checksum, across transfers and boots. */
export type HistoryEntry = {
  readonly id: PackageId;
  readonly checksum: string;
  readonly attempts: number;
  readonly outcome: 'open' | 'installed' | 'failed' | 'aborted';
  readonly description: string;
};

/**
 * How a silent server is made to continue: the chunk set, `[]`, or a new `start` (protocol 2.4).
 */
export type ResumeMethod = 'full' | 'empty' | 'start';
/** `/sota/start` has just come, or a transfer stands still. */
export type ResumeContext = 'after-start' | 'resume';

export type KnownServer = {
  /** Undefined until a notify named them. */
  readonly services: ServerServices | undefined;
  readonly dialect: MessageDialect | undefined;
  /** It waits for a report for ever; the others give up after a minute (protocol 2.4). */
  readonly hasNoInstallTimeout: boolean;
  readonly learned: {
    readonly 'after-start': ResumeMethod | undefined;
    readonly resume: ResumeMethod | undefined;
  };
};

// ---------------------------------------------------------------- what a boot forgets

/** Our own services, fully qualified, from the register replies. */
export type ServiceNames = {
  readonly notify: string;
  readonly start: string;
  readonly chunk: string;
  readonly finish: string;
  readonly getpackages: string;
  readonly abort: string;
};

export type Activity =
  | 'reserving'
  | 'preparing'
  | 'installing'
  | 'probing'
  | 'rebooting'
  | 'checking';

/** The transfer that a server announced, until there is room for it. */
export type Reservation = {
  readonly number: number;
  readonly checksum: string;
  readonly chunksCount: number;
};

/** What a package is doing at the moment; beside `Phase` because a boot forgets it. */
export type PackageRuntime = {
  /** Times the peer (server, installer, reboot) was asked in a row without an answer. */
  readonly attempts: number;
  /** When it is asked again; undefined: something else moves it. */
  readonly deadlineMs: number | undefined;
  /** The rung whose answer is awaited. */
  readonly method: ResumeMethod | undefined;
  readonly context: ResumeContext;
  /** An effect of ours is under way and will end in an event. */
  readonly activity: Activity | undefined;
  /** What `reserving` makes room for. */
  readonly reservation: Reservation | undefined;
  /** SHA-1 of the whole data, once the hash ran to the end since boot. */
  readonly sha1: string | undefined;
  /** The installer must run again (after a cut) as soon as the data is verified. */
  readonly isRerun: boolean;
  /** The attempt is on flash and was not started: the installer is asked first. */
  readonly isUntried: boolean;
  /** At the boot there was no data of the attempt that is probed. */
  readonly isDataLost: boolean;
  readonly finishDeadlineMs: number | undefined;
  /** Chunks of a package that was not started, since the server was asked last. */
  readonly unexpectedChunks: number;
  /** A report is on its way to the node, which has not answered yet. */
  readonly isReportInFlight: boolean;
  readonly sentAtMs: number | undefined;
  /** Why nothing could be said of it, last time. */
  readonly blockedReason: string | undefined;
  /** The device must not reboot yet: how often it said so in a row, and the last reason. */
  readonly denial: { readonly count: number; readonly reason: string } | undefined;
  readonly percent: number | undefined;
};

/** What the last cut left of a package; `dropped` chunks turned out to be rotten since. */
export type RecoverySummary = {
  readonly id: PackageId;
  readonly what: string;
  readonly dropped: number;
};

export type State = {
  // From the journal.
  readonly server: KnownServer;
  /** Others that were named before, the last one at the end: a vehicle may come back to them. */
  readonly previousServers: readonly KnownServer[];
  readonly packages: ReadonlyMap<string, Package>;
  readonly history: ReadonlyMap<string, HistoryEntry>;
  /** The server asked for the installed packages and has no answer yet. */
  readonly inventoryRequest:
    | {
        readonly asked: number;
        readonly dueMs: number;
        /** Where the list goes; undefined: to the present server. */
        readonly services: ServerServices | undefined;
      }
    | undefined;
  /** Packages that a server wanted confirmed by a person, the last one at the end. */
  readonly confirmations: readonly PackageId[];
  readonly nextNumber: number;
  readonly nextOrder: number;
  /** Records of the journal were lost: an installer is asked before it runs for the first time. */
  readonly hasLostRecords: boolean;
  // Of this boot.
  readonly bootId: string;
  readonly link: Link;
  readonly ownServices: ServiceNames | undefined;
  readonly vin: string | undefined;
  /** The backend's services as the node lists them, until a notify names them. */
  readonly discoveredServices: ServerServices | undefined;
  /** Undefined: no failure of the link is logged as not over yet. */
  readonly outage: Outage | undefined;
  readonly serverAvailability: ServerAvailability;
  readonly running: ReadonlyMap<string, PackageRuntime>;
  /** Folders of transfers that are over and that the disk refused to remove: when again. */
  /** When an ack tells the server that an install goes on; undefined: no need so far. */
  readonly progressAckMs: number | undefined;
  readonly cleanups: ReadonlyMap<number, number>;
  readonly counters: Counters;
  readonly recovered: ReadonlyMap<string, RecoverySummary>;
};

export type Counters = {
  readonly refused: number;
  readonly chunksWritten: number;
  readonly chunksRepeated: number;
};
