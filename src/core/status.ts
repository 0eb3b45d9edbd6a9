// The status of the agent, as `status`, `watch` and `why` print it: one plain value, made from the
// state of the daemon or from flash. `make docs` writes docs/reference/status-json.md from it.
import type { PackageId } from './model.ts';

export type Status = {
  readonly agent: {
    /** Version of the agent. */
    readonly version: string;
    /** Time since the start of the daemon; 0 if read from flash. */
    readonly uptimeMs: number;
    /** `flash` if no daemon runs: the status is then the last one that a daemon stored. */
    readonly source: 'daemon' | 'flash';
  };
  readonly vehicle: {
    /** Vehicle identification number, configured or from the node. */
    readonly vin: string | undefined;
    /** UUID of the device, configured or from the node. */
    readonly uuid: string | undefined;
  };
  readonly link: {
    /** State of the connection to the node; `unknown` if read from flash. */
    readonly kind: 'up' | 'registering' | 'down' | 'unknown';
    /** Details of the state, a sentence. */
    readonly detail: string;
  };
  /** The server that made the last offer. */
  readonly backend: {
    readonly services: {
      /** Full name of the service that starts a download. */
      readonly start: string;
      /** Full name of the service that receives acknowledgements. */
      readonly ack: string;
      /** Full name of the service that receives reports. */
      readonly report: string;
      /** Full name of the service that receives the inventory. */
      readonly packages: string;
    };
    /** `notify` if an offer named the services. */
    readonly servicesFrom: 'notify' | 'configuration';
  } & ServerProfile;
  /** Servers that made earlier offers, the last one first. */
  readonly previousServers: readonly ({
    /** Full name of its start service. */
    readonly start: string;
  } & ServerProfile)[];
  /** Packages in progress. */
  readonly packages: readonly PackageStatus[];
  /** Reports that the server has not confirmed. */
  readonly reports: readonly ReportStatus[];
  /** The last 64 payloads. */
  readonly history: readonly HistoryStatus[];
  /** State of each package after the last interruption, a sentence each. */
  readonly recovered: readonly string[];
  readonly counters: {
    /** Requests and messages that the agent rejected since its start. */
    readonly refused: number;
    /** Chunks written since the start. */
    readonly chunksWritten: number;
    /** Chunks received again since the start. */
    readonly chunksRepeated: number;
  };
  /** The last storage error; missing while writes succeed. */
  readonly storageError: string | undefined;
};

export type ServerProfile = {
  /** Dialect of its messages; missing until an offer determines it. */
  readonly messages: 'P1' | 'P2' | 'P3' | undefined;
  /** True if the server needs progress acks during an install: it gives up after a minute. */
  readonly keepAlive: boolean;
  readonly learned: {
    /** The first ack that this server needs after its start. */
    readonly afterStart: string | undefined;
    /** The ack that makes this server continue a stalled transfer. */
    readonly resume: string | undefined;
    /** What its acks list: `full`, `tail` (the last two) or `single`; missing until known. */
    readonly ack: string | undefined;
  };
};

export type PackageStatus = {
  /** Name and version of the package. */
  readonly id: PackageId;
  /** Size as offered; 0 if unknown. */
  readonly sizeBytes: number;
  /** Further fields of the offer (P2, P3). */
  readonly update: UpdateStatus | undefined;
  /** `reporting` if the outcome is known and the server has not confirmed the report. */
  readonly phase: 'offered' | 'accepted' | 'receiving' | 'installing' | 'rebooting' | 'reporting';
  /** Start service of its server, if that is not the current one. */
  readonly server?: string | undefined;
  /** Chunks that are stored. */
  readonly chunksHeld: number;
  /** Chunks of the payload; 0 before the start. */
  readonly chunksCount: number;
  /** 0 to 100, if the installer reports progress. */
  readonly installPercent: number | undefined;
  /** What the package waits for. */
  readonly waitsFor: string;
  /** The next step of the agent. */
  readonly next: string;
  /** Time until that step; missing if an event must come first. */
  readonly nextInMs: number | undefined;
};

export type UpdateStatus = {
  /** Description in the offer. */
  readonly description: string;
  /** Signature in the offer. The agent stores it and does not verify it. */
  readonly signature: string;
  /** True if the server requires that a user confirms the update. */
  readonly requestConfirmation: boolean;
};

export type ReportStatus = {
  /** Name and version of the package. */
  readonly id: PackageId;
  /** True if the package is installed. */
  readonly status: boolean;
  /** Text of the report. */
  readonly description: string;
  /** How many times the agent sent the report. */
  readonly attempts: number;
  /** Time until the next attempt. */
  readonly nextInMs: number | undefined;
};

export type HistoryStatus = {
  /** Name and version of the package. */
  readonly id: PackageId;
  /** SHA-1 of the payload, as the server announced it. */
  readonly checksum: string;
  /** `open` while the package is in progress. */
  readonly outcome: 'open' | 'installed' | 'failed' | 'aborted';
  /** Attempts to install this payload. */
  readonly attempts: number;
  /** Text of the last report. */
  readonly description: string;
};
