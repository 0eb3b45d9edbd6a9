// What `status`, `watch` and `why` show: one plain value, made from the state, from the daemon or
// from flash.
import type { MessageDialect, PackageId } from './model.ts';

export type Status = {
  readonly agent: {
    readonly version: string;
    readonly uptimeMs: number;
    readonly source: 'daemon' | 'flash';
  };
  readonly vehicle: { readonly vin: string | undefined; readonly uuid: string | undefined };
  readonly link: {
    readonly kind: 'up' | 'registering' | 'down' | 'unknown';
    readonly detail: string;
  };
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

export type ServerProfile = {
  /** How it spells its messages; undefined until a notify shows it. */
  readonly messages: MessageDialect | undefined;
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
  readonly phase: 'offered' | 'accepted' | 'receiving' | 'installing' | 'rebooting' | 'reporting';
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
