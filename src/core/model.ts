// The nouns of the core: packages, their phases, their payload, and what the agent remembers of
// them. Types only. The core knows no server: a backend offers, sends and cancels.

export type PackageId = { readonly name: string; readonly version: string };

// ---------------------------------------------------------------- offers

/** `sizeBytes` is for people: some servers add up a package and its dependencies. */
export type Offer = {
  readonly id: PackageId;
  readonly sizeBytes: number;
  readonly update?: Update | undefined;
};

/** What some servers tell about an update. Each field may be empty. */
export type Update = {
  readonly signature: string;
  readonly description: string;
  /** The server requires that a person accepts the update. */
  readonly isConfirmationWanted: boolean;
};

/** A transfer that a server began. The checksum is a SHA-1 in lower-case hex. */
export type Announcement = {
  readonly checksum: string;
  /** As announced; 0 for an empty file, which still has one (empty) chunk. */
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
  /** A number of the agent's own; it names the folder of the data. */
  readonly number: number;
  readonly chunks: ChunkSet;
  readonly lastChunkBytes: number | undefined;
};

// ---------------------------------------------------------------- phases, on flash

export type Install = {
  readonly attempt: number;
  readonly installer: string;
  /** What the installer wants back when it probes (JSON text of its own). */
  readonly before: string;
};

/** `now` is of this boot: a new phase, and each start of the agent, begins with the first value. */
export type Phase =
  /** The package waits for consent. */
  | { readonly kind: 'offered' }
  /** The backend requests the transfer until the server begins it. */
  | { readonly kind: 'accepted'; readonly reservation: Reservation | undefined }
  /** Space is reserved, chunks arrive. `finished`: the server sent everything. */
  | {
      readonly kind: 'receiving';
      readonly transfer: Transfer;
      readonly finished: boolean;
      readonly now: Receiving;
    }
  /** Every byte was verified; an attempt is on flash and may be running. */
  | {
      readonly kind: 'installing';
      readonly transfer: Transfer;
      readonly install: Install;
      readonly now: Installing;
    }
  /** Installed; the outcome is known only after the reboot that the installer required. */
  | {
      readonly kind: 'rebooting';
      readonly transfer: Transfer;
      readonly install: Install;
      readonly bootId: string;
      readonly now: Rebooting;
    }
  /** The outcome is known; the report is due until the server confirms it. */
  | {
      readonly kind: 'reporting';
      readonly report: Report;
      /** The server offered the package once more. */
      readonly again: 'no' | 'offered' | 'consented';
      readonly reservation: Reservation | undefined;
    };

export type Package = {
  readonly id: PackageId;
  readonly sizeBytes: number;
  readonly update: Update | undefined;
  /** The server has more payloads under the same id; the agent can install only one. */
  readonly isMultiPackage: boolean;
  /** Order of arrival; the backend requests the oldest first. */
  readonly order: number;
  /** A person accepted it; false: the policy did. */
  readonly isByPerson: boolean;
  /** The transfer that the server began before the package was accepted. */
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

// ---------------------------------------------------------------- what a boot forgets

/** The transfer that a server announced, until there is space for it. */
export type Reservation = Announcement & { readonly number: number };

export type Receiving = {
  /** SHA-1 of the whole data, if the hash ran to the end since boot. */
  readonly sha1: string | undefined;
  /** The installer prepares. */
  readonly isPreparing: boolean;
  /** When it prepares again, after a wait for permission. */
  readonly prepareAtMs: number | undefined;
};

export type Installing = {
  /** `verifying`: the data is hashed before the next attempt. `waiting`: the installer is busy. */
  readonly step: 'installing' | 'probing' | 'verifying' | 'waiting';
  readonly sha1: string | undefined;
  /** The attempt is on flash and was not started: the agent probes first. */
  readonly isUntried: boolean;
  /** At the boot there was no data of the attempt that is probed. */
  readonly isDataLost: boolean;
  /** Times in a row that the installer was busy, and when the agent retries. */
  readonly busyCount: number;
  readonly retryAtMs: number | undefined;
  readonly percent: number | undefined;
};

export type Rebooting = {
  readonly step: 'requested' | 'checking';
  readonly requests: number;
  /** When the agent requests the reboot again; undefined: it does not. */
  readonly deadlineMs: number | undefined;
  /** The device may not reboot yet: how often in a row, and the last reason. */
  readonly denial: { readonly count: number; readonly reason: string } | undefined;
};

/** What the last interruption left of a package; `dropped` chunks turned out corrupt since. */
export type RecoverySummary = {
  readonly id: PackageId;
  readonly what: string;
  readonly dropped: number;
};

export type State = {
  // From the journal.
  readonly packages: ReadonlyMap<string, Package>;
  readonly history: ReadonlyMap<string, HistoryEntry>;
  /** Packages that a server wanted confirmed by a person, the last one at the end. */
  readonly confirmations: readonly PackageId[];
  readonly nextNumber: number;
  readonly nextOrder: number;
  /** Records of the journal were lost: the agent probes before it installs the first time. */
  readonly hasLostRecords: boolean;
  // Of this boot.
  readonly bootId: string;
  /** Folders of finished transfers that the disk refused to remove: when to retry. */
  readonly cleanups: ReadonlyMap<number, number>;
  readonly counters: Counters;
  readonly recovered: ReadonlyMap<string, RecoverySummary>;
};

export type Counters = {
  readonly refused: number;
  readonly chunksWritten: number;
  readonly chunksRepeated: number;
};
