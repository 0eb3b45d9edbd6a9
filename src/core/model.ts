// The data model of the core: packages, phases, payloads and history. Types only. The core has no
// server-specific part: a backend offers, sends and cancels packages.

export type PackageId = { readonly name: string; readonly version: string };

// ---------------------------------------------------------------- offers

/** `sizeBytes` is for display: some servers add the sizes of a package and its dependencies. */
export type Offer = {
  readonly id: PackageId;
  readonly sizeBytes: number;
  readonly update?: Update | undefined;
};

/** Fields that some servers send with an update. Each may be empty. */
export type Update = {
  readonly signature: string;
  readonly description: string;
  /** The server requires that a user accepts the update. */
  readonly isConfirmationWanted: boolean;
};

/** A transfer that a server started. The checksum is a SHA-1 in lower-case hex. */
export type Announcement = {
  readonly checksum: string;
  /** As announced. 0 for an empty file, which still has one empty chunk. */
  readonly chunksCount: number;
};

// ---------------------------------------------------------------- chunks on flash

/** Chunks of one transfer that are on flash, with their CRC-32: a persistent vector of pages. */
export type ChunkSet = {
  readonly count: number;
  readonly pages: readonly (ChunkPage | undefined)[];
};
export type ChunkPage = { readonly held: Uint8Array; readonly crcs: Uint32Array };

export type Transfer = Announcement & {
  /** Assigned by the agent. The folder of the data has this name. */
  readonly number: number;
  readonly chunks: ChunkSet;
  readonly lastChunkBytes: number | undefined;
};

// ---------------------------------------------------------------- phases, on flash

export type Install = {
  readonly attempt: number;
  readonly installer: string;
  /** State before the install, as JSON text. The installer receives it when it probes. */
  readonly before: string;
};

/** `now` is volatile: a new phase, and each start of the agent, resets it to its initial value. */
export type Phase =
  /** The package waits for consent. */
  | { readonly kind: 'offered' }
  /** The backend requests the transfer until the server starts it. */
  | { readonly kind: 'accepted'; readonly reservation: Reservation | undefined }
  /** Space is reserved and chunks arrive. `finished`: the server sent all chunks. */
  | {
      readonly kind: 'receiving';
      readonly transfer: Transfer;
      readonly finished: boolean;
      readonly now: Receiving;
    }
  /** The payload is verified. An attempt is on flash and may be running. */
  | {
      readonly kind: 'installing';
      readonly transfer: Transfer;
      readonly install: Install;
      readonly now: Installing;
    }
  /** Installed. The outcome depends on the check after the reboot. */
  | {
      readonly kind: 'rebooting';
      readonly transfer: Transfer;
      readonly install: Install;
      readonly bootId: string;
      readonly now: Rebooting;
    }
  /** The outcome is recorded. The report is pending until the server confirms it. */
  | {
      readonly kind: 'reporting';
      readonly report: Report;
      /** The server offered the package again. */
      readonly again: 'no' | 'offered' | 'consented';
      readonly reservation: Reservation | undefined;
    };

export type Package = {
  readonly id: PackageId;
  readonly sizeBytes: number;
  readonly update: Update | undefined;
  /** The server has several payloads under this id; the agent can install only one. */
  readonly isMultiPackage: boolean;
  /** Order of arrival. The backend requests the oldest package first. */
  readonly order: number;
  /** True: a user accepted the package; false: the policy accepted it. */
  readonly isByPerson: boolean;
  /** The transfer that the server started before the package was accepted. */
  readonly started: Announcement | undefined;
  readonly phase: Phase;
};

// ---------------------------------------------------------------- outcomes

export type Report = {
  readonly id: PackageId;
  readonly status: boolean;
  readonly code: ReportCode;
  readonly description: string;
};

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

// ---------------------------------------------------------------- volatile state

/** The transfer that a server announced, until there is space for it. */
export type Reservation = Announcement & { readonly number: number };

export type Receiving = {
  /** SHA-1 of the whole data; undefined until the hash is complete. */
  readonly sha1: string | undefined;
  /** True while the installer prepares. */
  readonly isPreparing: boolean;
  /** When the installer prepares again, after a wait for permission. */
  readonly prepareAtMs: number | undefined;
};

export type Installing = {
  /** `verifying`: the data is hashed before the next attempt. `waiting`: the installer is busy. */
  readonly step: 'installing' | 'probing' | 'verifying' | 'waiting';
  readonly sha1: string | undefined;
  /** The attempt is on flash but was not started: the agent probes first. */
  readonly isUntried: boolean;
  /** The data of the probed attempt was missing at the start. */
  readonly isDataLost: boolean;
  /** How many times in a row the installer was busy, and when the agent retries. */
  readonly busyCount: number;
  readonly retryAtMs: number | undefined;
  readonly percent: number | undefined;
};

export type Rebooting = {
  readonly step: 'requested' | 'checking';
  readonly requests: number;
  /** When the agent requests the reboot again; undefined: never. */
  readonly deadlineMs: number | undefined;
  /** How many times in a row `[reboot] allow` denied the reboot, and the last reason. */
  readonly denial: { readonly count: number; readonly reason: string } | undefined;
};

/** The state of a package after the last interruption, and the corrupt chunks found since. */
export type RecoverySummary = {
  readonly id: PackageId;
  readonly what: string;
  readonly corruptChunks: number;
};

export type State = {
  // From the journal.
  readonly packages: ReadonlyMap<string, Package>;
  readonly history: ReadonlyMap<string, HistoryEntry>;
  /** Packages whose server requires the consent of a user, oldest first. */
  readonly confirmations: readonly PackageId[];
  readonly nextNumber: number;
  readonly nextOrder: number;
  /** The journal lost records: the agent probes before the first attempt. */
  readonly hasLostRecords: boolean;
  // Volatile.
  readonly bootId: string;
  /** Folders of finished transfers whose removal failed, and when the agent retries. */
  readonly cleanups: ReadonlyMap<number, number>;
  readonly counters: Counters;
  readonly recovered: ReadonlyMap<string, RecoverySummary>;
};

export type Counters = {
  readonly refused: number;
  readonly chunksWritten: number;
  readonly chunksRepeated: number;
};
