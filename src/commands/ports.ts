// What every command is given. A command returns its exit code; it never ends the process.
import type { Configuration, Environment } from '../config.ts';
import type { Settings } from '../core/settings.ts';
import type { Status } from '../core/status.ts';
import type { Clock, Disk, DiskResult, LocalSockets } from '../host/ports.ts';
import type { Strangers } from '../host/strangers.ts';
import type { Terminal } from '../host/stdio.ts';
import type { AgentSettings } from '../install/installers.ts';

export type CommandPorts = {
  readonly terminal: Terminal;
  readonly environment: Environment;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly sockets: LocalSockets;
  /** Of the file system that a path lies on, such as `noexec`. */
  readonly mountOptions: (path: string) => readonly string[];
  /** Returns why the file system of a path may lose stored files, such as tmpfs. */
  readonly storageLoss: (path: string) => string | undefined;
  /** A failure: no agent may run with its `storage.dir` at this path. */
  readonly checkFileSystem: (path: string) => Promise<DiskResult<void>>;
  /** Returns the path without links, as far as it exists. */
  readonly realPath: (path: string) => string;
  /** Host name and addresses of this device. */
  readonly ownHosts: () => readonly string[];
  readonly version: string;
  /** Runs until it is told to end; gives the exit code. */
  readonly startDaemon: (settings: AgentSettings) => Promise<number>;
  /**
   * What the files of a daemon that is down say; undefined where there are none (to read). Fails
   * where somebody else put something at their place.
   */
  readonly readFlash: (settings: Settings) => Promise<DiskResult<Status | undefined>>;
  /** The daemon that holds the lock of a `storage.dir`; undefined: none, or none to be seen. */
  readonly lockHolder: (
    directory: string,
  ) => Promise<{ readonly pid: number | undefined } | undefined>;
  /** Other users than root and that of the agent who have a hand in the control socket. */
  readonly strangersAt: (socket: string, storage: string) => Strangers;
};

export type Invocation = {
  /** Behind the command: NAME, VERSION, ... */
  readonly words: readonly string[];
  readonly json: boolean;
  readonly settings: AgentSettings;
  readonly configuration: Extract<Configuration, { readonly ok: true }>;
};

export type Act = (ports: CommandPorts, invocation: Invocation) => Promise<number>;

export { exitCodes } from '../exit-codes.ts';
