// What `status`, `watch` and `why` show: one plain value, made from the state, from the daemon or
// from flash.
import type { PackageId, Phase } from './model.ts';

export type Status = {
  readonly agent: {
    readonly version: string;
    readonly uptimeMs: number;
    readonly source: 'daemon' | 'flash';
  };
  readonly vehicle: { readonly vin: string | undefined; readonly uuid: string | undefined };
  readonly link: LinkStatus;
  readonly backend: {
    readonly services: {
      readonly start: string;
      readonly ack: string;
      readonly report: string;
      readonly packages: string;
    };
    readonly servicesFrom: 'notify' | 'configuration';
  } & ServerProfile;
  /** What was learnt of servers that other notifies named, the last one first. */
  readonly previousServers: readonly ({ readonly start: string } & ServerProfile)[];
  readonly packages: readonly PackageStatus[];
  readonly reports: readonly ReportStatus[];
  readonly history: readonly HistoryStatus[];
  /** What survived the last cut, a sentence each. */
  readonly recovered: readonly string[];
  readonly counters: {
    readonly refused: number;
    readonly chunksWritten: number;
    readonly chunksRepeated: number;
  };
  readonly storageError: string | undefined;
};

export type LinkStatus = {
  readonly kind: 'up' | 'registering' | 'down' | 'unknown';
  readonly detail: string;
};

/** What happens next to a package. Without `nextInMs` no timer of the agent leads there. */
export type Next = { readonly next: string; readonly nextInMs: number | undefined };

/** What the backend adds: the server, and the exchange about each package. */
export type ServerView = Pick<Status, 'link' | 'backend' | 'previousServers'> & {
  readonly vin: string | undefined;
  /** The server of a package, where it is not the present one. */
  serverOf(id: PackageId): string | undefined;
  /** Why a package waits for the server; undefined: the core knows why it waits. */
  waitsFor(id: PackageId): string | undefined;
  next(id: PackageId): Next | undefined;
  /** How often the report was sent. */
  reportAttempts(id: PackageId): number;
};

export type ServerProfile = {
  /** How it spells its messages; undefined until a notify shows it. */
  readonly messages: 'P1' | 'P2' | 'P3' | undefined;
  /** It is told that an install goes on: it gives up after a minute else. */
  readonly keepAlive: boolean;
  /** What it wants as the first ack after `/sota/start`, and when a transfer stands still. */
  readonly learned: {
    readonly afterStart: string | undefined;
    readonly resume: string | undefined;
  };
};

export type PackageStatus = {
  readonly id: PackageId;
  readonly sizeBytes: number;
  /** What the server tells beside it, where it does (P2, P3). */
  readonly update: UpdateStatus | undefined;
  readonly phase: Phase['kind'];
  /** Its server's start service, where that is not the present server. */
  readonly server?: string | undefined;
  readonly chunksHeld: number;
  readonly chunksCount: number;
  /** 0-100 of an install that tells. */
  readonly installPercent: number | undefined;
  /** What it waits for, in a sentence. */
  readonly waitsFor: string;
  /** What happens next, and in how many milliseconds; undefined: only an outside event moves it. */
  readonly next: string;
  readonly nextInMs: number | undefined;
};

export type UpdateStatus = {
  readonly description: string;
  readonly signature: string;
  readonly requestConfirmation: boolean;
};

export type ReportStatus = {
  readonly id: PackageId;
  readonly status: boolean;
  readonly description: string;
  readonly attempts: number;
  readonly nextInMs: number | undefined;
};

export type HistoryStatus = {
  readonly id: PackageId;
  readonly checksum: string;
  readonly outcome: 'open' | 'installed' | 'failed' | 'aborted';
  readonly attempts: number;
  readonly description: string;
};
