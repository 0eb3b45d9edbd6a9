// The contract between the agent and the installers of a device. An exit code is a hint: every
// installer probes the device after a run, and again after an interruption.
import type { Probe, InstallResult } from '../core/events.ts';
import type { PackageId, ReportCode, Update } from '../core/model.ts';
import type { InstallerSettings } from '../settings.ts';
import type { Clock, Disk, LocalSockets, Log, Runner } from '../host/ports.ts';
import type { SettingsOf, SettingsTable } from './settings-table.ts';

export type { Probe, InstallResult };

export type InstallPorts = {
  readonly disk: Disk;
  readonly runner: Runner;
  readonly sockets: LocalSockets;
  readonly clock: Clock;
  readonly log: Log;
  /** The environment of the agent: it names folders of the sockets of local daemons. */
  readonly environment: { readonly [name: string]: string | undefined };
};

export type InstallRequest = {
  readonly id: PackageId;
  /** What the server sent about the package, besides its bytes. */
  readonly update: Update | undefined;
  /** The verified payload. It stays until the outcome is on flash. */
  readonly path: string;
  readonly sizeBytes: number;
  /** An earlier attempt to install the same bytes did not succeed. */
  readonly isTriedBefore?: boolean;
  /** The durable folder of this transfer, for copies that must survive an interruption. */
  readonly workDirectory: string;
  readonly onProgress: (percent: number, text: string) => void;
};

export type Prepared =
  /** `before`: the state before the install, as JSON; `run` and `probe` receive it again. */
  | { readonly ok: true; readonly before: string }
  | { readonly ok: false; readonly code: ReportCode; readonly reason: string };

export type Installer = {
  readonly name: string;
  /** Runs before the attempt is recorded: reads and saves the state before the install. */
  prepare(request: InstallRequest): Promise<Prepared>;
  /** Runs the package manager, syncs, and probes the device. */
  run(request: InstallRequest, before: string): Promise<InstallResult>;
  /** Runs after an interruption: repairs what the package manager left damaged, then probes. */
  probe(request: InstallRequest, before: string): Promise<Probe>;
  list(): Promise<Listed>;
};

export type Listing =
  | { readonly ok: true; readonly packages: readonly PackageId[] }
  | { readonly ok: false; readonly reason: string };

/** The list of one installer. `absent`: its program is not on this device. */
export type Listed = Listing | { readonly ok: 'absent'; readonly reason: string };

/** The first bytes of a payload. `isWhole`: the payload has no others. */
export type Head = { readonly bytes: Uint8Array; readonly isWhole: boolean };

/** A problem of a section; `key` is a property of its table. */
export type SettingProblem<Key extends string> = {
  readonly severity: 'error' | 'warning';
  readonly key: Key;
  readonly problem: string;
  readonly hint: string;
};

type SharedSettings = Pick<InstallerSettings, 'timeoutMs' | 'workDirectory'>;

/** The settings of one installer: its own section, and what all installers share. */
export type OwnSettings<Table extends SettingsTable> = SettingsOf<Table> & SharedSettings;

/** The settings of all installers, of which one reads its own section. */
export type WithSection<Name extends string, Table extends SettingsTable> = SharedSettings & {
  readonly [K in Name]: SettingsOf<Table>;
};

/**
 * What the folder of an installer exports. The configuration, the names and the selection are
 * derived from it. `installers.ts` lists all of them.
 */
export type InstallerKind<Name extends string, Table extends SettingsTable> = {
  /** The name in the configuration; `[installer.NAME]` is its section. */
  readonly name: Name;
  /** The format with its article, as in "an .ipk"; undefined: the installer takes every format. */
  readonly format: string | undefined;
  /** Returns true if the payload has the format of this installer. Reads nothing but `head`. */
  recognises(head: Head): Promise<boolean>;
  readonly settings: Table;
  /** The warning if the installer verifies no signatures; undefined: it verifies them. */
  readonly unsigned: { readonly problem: string; readonly hint: string } | undefined;
  /** Returns the problems of a section whose values are right by themselves. */
  check(
    settings: WithSection<Name, Table>,
    isEnabled: boolean,
  ): readonly SettingProblem<keyof Table & string>[];
  create(ports: InstallPorts, settings: WithSection<Name, Table>): Installer;
};

export type Choice =
  | { readonly ok: true; readonly installer: Installer }
  | { readonly ok: false; readonly reason: string };

export type RebootRequest = {
  /** `denied`: the program of `[reboot] allow` refused, and nothing was started. */
  readonly kind: 'started' | 'failed' | 'denied';
  readonly description: string;
};

/** All enabled installers of this device, and its reboot. */
export type Installers = {
  /** Selects by the configured rules, else by content. */
  choose(id: PackageId, path: string): Promise<Choice>;
  /** Returns the installer of a recorded attempt; undefined if it is not enabled. */
  named(name: string): Installer | undefined;
  /**
   * Returns the lists of all installers, merged. An installer that is absent from the device is
   * left out. If one cannot answer, the whole list fails: a partial list would be false.
   */
  list(): Promise<Listing>;
  /** Starts the configured reboot command if `[reboot] allow` permits it. */
  reboot(): Promise<RebootRequest>;
  /** Runs the health check after the boot; ok if none is configured. */
  check(id: PackageId): Promise<{ readonly ok: boolean; readonly description: string }>;
};
