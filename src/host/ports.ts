// The ports of the agent to the operating system, as types. `host/` implements them; the simulator
// has its own. No other module reads a clock, a disk or a random number, or starts a process.
import type { LevelOf, LogCode } from '../log-codes.ts';

export type Clock = {
  /** Monotonic milliseconds; the only time that timers use. */
  nowMs(): number;
  /** Wall clock, milliseconds since 1970. It may be wrong by decades. */
  wallMs(): number;
  /** Calls `act` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, act: () => void): () => void;
};

export type Random = {
  /** Uniform in [0, 1). */
  unit(): number;
};

export type LogFields = { readonly [key: string]: string | number | boolean | undefined };
/** Accepts the codes of src/log-codes.ts, each with its levels. */
export type Log = <C extends LogCode>(level: LevelOf<C>, code: C, fields?: LogFields) => void;

/** An error of the disk; `code` is the errno name (ENOSPC, EIO, EROFS, ENOENT, EMFILE...). */
export type DiskFailure = { readonly ok: false; readonly code: string; readonly reason: string };
export type DiskResult<T> = { readonly ok: true; readonly value: T } | DiskFailure;

/** An open file. A short write is completed or fails; `sync` is fdatasync. */
export type DiskFile = {
  readonly path: string;
  write(data: Uint8Array, offsetBytes: number): Promise<DiskResult<void>>;
  /** Reads into `into` if it is given and long enough; the result is a part of it. */
  read(offsetBytes: number, sizeBytes: number, into?: Uint8Array): Promise<DiskResult<Uint8Array>>;
  truncate(sizeBytes: number): Promise<DiskResult<void>>;
  size(): Promise<DiskResult<number>>;
  /** Permission bits, as in chmod. */
  mode(): Promise<DiskResult<number>>;
  /**
   * Never retried after a failure: the kernel may have dropped the pages. The caller ends the
   * process.
   */
  sync(): Promise<DiskResult<void>>;
  close(): Promise<void>;
};

export type OpenMode = 'read' | 'write' | 'create';

export type DiskEntry = { readonly name: string; readonly kind: 'file' | 'directory' | 'other' };

export type Links = 'refused' | { readonly secondName: string };

export type Disk = {
  /**
   * `create` creates a missing file; otherwise a missing file is ENOENT. Never blocks, and rejects
   * pipes, sockets and devices (ENOTSUP). With `links` it also rejects symbolic links (ELOOP), and
   * files with a second hard link (EMLINK), unless `secondName` is that link.
   */
  open(path: string, mode: OpenMode, links?: Links): Promise<DiskResult<DiskFile>>;
  list(path: string): Promise<DiskResult<readonly DiskEntry[]>>;
  /** Returns the target of a symbolic link. */
  readLink(path: string): Promise<DiskResult<string>>;
  makeDirectory(path: string): Promise<DiskResult<void>>;
  rename(from: string, to: string): Promise<DiskResult<void>>;
  /** Removes a file or a whole tree; a missing one is no failure. */
  remove(path: string): Promise<DiskResult<void>>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<DiskResult<void>>;
  /** Bytes that an unprivileged writer can still use on the file system of `path`. */
  freeBytes(path: string): Promise<DiskResult<number>>;
  /**
   * Reserves blocks for the first `sizeBytes` of the file without writing them. `reserved` is false
   * if the system does not support it (then only the free space was checked). `keepSize`: the size
   * of the file does not change.
   */
  reserve(
    path: string,
    sizeBytes: number,
    keepSize: boolean,
  ): Promise<DiskResult<{ readonly reserved: boolean }>>;
};

export type RunRequest = {
  readonly program: string;
  readonly args: readonly string[];
  /** The complete environment of the program; it inherits no variable. */
  readonly environment: { readonly [name: string]: string };
  readonly timeLimitMs: number;
  /** Maximum bytes kept of the start and of the end of the output. */
  readonly outputBytesMax: number;
  readonly onOutput?: (text: string) => void;
};

export type RunResult =
  | {
      readonly kind: 'exited';
      readonly exitCode: number;
      readonly stdout: string;
      readonly stderr: string;
    }
  | {
      readonly kind: 'killed';
      readonly signal: string;
      readonly stdout: string;
      readonly stderr: string;
    }
  | { readonly kind: 'timed-out'; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'not-started'; readonly code: string; readonly reason: string };

/**
 * Starts a program without a shell, in its own process group; kills the whole group at the time
 * limit.
 */
export type Runner = (request: RunRequest) => Promise<RunResult>;

/** A stream to a local (Unix) socket. */
export type LocalStream = {
  write(data: Uint8Array): Promise<DiskResult<void>>;
  /** Half-close: no more writes. */
  end(): void;
  close(): void;
};

export type LocalStreamHandlers = {
  readonly onData: (data: Uint8Array) => void;
  /** The peer half-closed the connection. Without this handler, the agent closes its half, too. */
  readonly onEnd?: () => void;
  /** Called once, also after `close`. */
  readonly onClosed: (reason: string) => void;
};

export type LocalSockets = {
  connect(path: string, handlers: LocalStreamHandlers): Promise<DiskResult<LocalStream>>;
  /**
   * A path to the directory under which another program can bind a socket with a name of
   * `nameBytes`: the directory itself, or a link to it if its path is too long for the kernel.
   */
  shorten(
    directory: string,
    nameBytes: number,
  ): Promise<DiskResult<{ readonly path: string; remove(): Promise<void> }>>;
  listen(
    path: string,
    accept: (stream: LocalStream) => LocalStreamHandlers,
    /** The group that may connect: name or number; undefined: the group of the process. */
    group?: string,
  ): Promise<DiskResult<{ close(): Promise<void> }>>;
};
