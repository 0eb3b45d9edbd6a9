// The ports of the commands. A command returns its exit code; it never ends the process.
import type { Configuration, Environment } from '../config.ts';
import type { Settings } from '../settings.ts';
import type { Status } from '../core/status.ts';
import type { Clock, Disk, DiskResult, LocalSockets } from '../host/ports.ts';
import type { SocketExposure } from '../host/foreign-users.ts';
import type { Terminal } from '../host/stdio.ts';
import type { AgentSettings } from '../install/installers.ts';

export type CommandPorts = {
  readonly terminal: Terminal;
  readonly environment: Environment;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly sockets: LocalSockets;
  /** Returns the mount options of the file system of a path, such as `noexec`. */
  readonly mountOptions: (path: string) => readonly string[];
  /** Returns why the file system of a path may lose stored files; undefined if it keeps them. */
  readonly storageLoss: (path: string) => string | undefined;
  /** Fails if an agent must not run with its `storage.dir` at this path. */
  readonly checkFileSystem: (path: string) => Promise<DiskResult<void>>;
  /** Returns the path with its links resolved, as far as the path exists. */
  readonly realPath: (path: string) => string;
  /** Returns the host name and the addresses of this device. */
  readonly ownHosts: () => readonly string[];
  readonly version: string;
  /** Runs the daemon until a signal ends it; returns the exit code. */
  readonly startDaemon: (settings: AgentSettings) => Promise<number>;
  /**
   * Returns the status from the files of a daemon that is down; undefined if there are none, or if
   * they are not readable. Fails if another user has put a file in their place.
   */
  readonly readFlash: (settings: Settings) => Promise<DiskResult<Status | undefined>>;
  /** Returns the daemon with the lock of a `storage.dir`; undefined if none is found. */
  readonly lockHolder: (
    directory: string,
  ) => Promise<{ readonly pid: number | undefined } | undefined>;
  /** Returns users, other than root and that of the agent, who can replace the control socket. */
  readonly socketExposure: (socket: string, storage: string) => SocketExposure;
};

export type Invocation = {
  /** The words after the command: NAME, VERSION. */
  readonly words: readonly string[];
  readonly json: boolean;
  readonly settings: AgentSettings;
  readonly configuration: Extract<Configuration, { readonly ok: true }>;
};

export type Act = (ports: CommandPorts, invocation: Invocation) => Promise<number>;

export { exitCodes } from '../exit-codes.ts';
