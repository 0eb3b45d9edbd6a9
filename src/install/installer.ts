// The contract between the agent and whatever installs on this device. An exit code is a hint;
// every installer probes what is true after it ran, and again after an interruption.
import type { Probe, InstallResult } from '../core/events.ts';
import type { PackageId, ReportCode, Update } from '../core/model.ts';
import type { Clock, Disk, LocalSockets, Log, Runner } from '../host/ports.ts';

export type { Probe, InstallResult as Verdict };

export type InstallPorts = {
  readonly disk: Disk;
  readonly runner: Runner;
  readonly sockets: LocalSockets;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the agent itself: where local daemons may have their sockets. */
  readonly environment: { readonly [name: string]: string | undefined };
};

export type InstallRequest = {
  readonly id: PackageId;
  /** What the server told of it beside its bytes. */
  readonly update: Update | undefined;
  /** The verified payload. Stays until the outcome is on flash. */
  readonly path: string;
  readonly sizeBytes: number;
  /** These bytes were attempted before, and that attempt was not a success. */
  readonly isTriedBefore?: boolean;
  /** A durable folder of this transfer's own, for copies that must survive a cut. */
  readonly workDirectory: string;
  readonly onProgress: (percent: number, text: string) => void;
};

export type Prepared =
  /** `before`: JSON of the installer's own, the state before, given back to `run` and `probe`. */
  | { readonly ok: true; readonly before: string }
  | { readonly ok: false; readonly code: ReportCode; readonly reason: string };

export type Installer = {
  readonly name: InstallerName;
  /**
   * Before the intent goes to flash: state before, a durable copy of opkg's status file, ustate
   * cleared.
   */
  prepare(request: InstallRequest): Promise<Prepared>;
  /** Runs, syncs, probes. */
  run(request: InstallRequest, before: string): Promise<InstallResult>;
  /** After a cut in the attempt: repairs what the cut left (an emptied status file), then looks. */
  probe(request: InstallRequest, before: string): Promise<Probe>;
  list(): Promise<Listed>;
};

export type InstallerName = 'opkg' | 'swupdate' | 'command';

export type Listing =
  | { readonly ok: true; readonly packages: readonly PackageId[] }
  | { readonly ok: false; readonly reason: string };

/** Of one installer. `absent`: it is not on this device, which says all about its packages. */
export type Listed = Listing | { readonly ok: 'absent'; readonly reason: string };

export type Choice =
  | { readonly ok: true; readonly installer: Installer }
  | { readonly ok: false; readonly reason: string };

export type RebootRequest = {
  /** `denied`: `[reboot] allow` said no, and nothing was started. */
  readonly kind: 'started' | 'failed' | 'denied';
  readonly description: string;
};

/** All enabled installers of this device. */
export type Installers = {
  /** By the configured rules, else by content. */
  choose(id: PackageId, path: string): Promise<Choice>;
  /** The installer that an open intent names; undefined if it is no longer enabled. */
  named(name: string): Installer | undefined;
  /**
   * The lists of all installers, merged. One that is absent from the device is left out; one that
   * cannot say at the moment fails the whole, which is asked for again: half a list is a lie.
   */
  list(): Promise<Listing>;
  /** Starts the configured reboot command if `[reboot] allow` permits it now. */
  reboot(): Promise<RebootRequest>;
  /** `[reboot] check` after the boot; no check configured: ok. */
  check(id: PackageId): Promise<{ readonly ok: boolean; readonly description: string }>;
};
