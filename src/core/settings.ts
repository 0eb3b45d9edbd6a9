// The effective configuration, as the rest of the agent sees it. Reading and checking it:
// `config.ts`.

/** Of an HTTP proxy, as its URL names it. */
export type ProxyAddress = {
  readonly isSecure: boolean;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Value of the header that names user and password; undefined: the URL has none. */
  readonly authorization: string | undefined;
};

export type Settings = {
  readonly device: { readonly vin: string | undefined; readonly uuid: string | undefined };
  readonly rvi: {
    readonly url: string;
    readonly listen: { readonly host: string; readonly port: number };
    /** Addresses and networks (CIDR) that may deliver; empty: any that reaches the listener. */
    readonly allowedPeers: readonly string[];
    /** Undefined: `http://<listen>`. */
    readonly networkAddress: string | undefined;
    /** `secret`, kept in the storage, or the fixed path at which the node delivers. */
    readonly path: string;
    /** Service prefix until a notify names the services, without a trailing slash. */
    readonly servicePrefix: string;
    readonly registerIntervalMs: number;
    /** Life of a message in the node's queue. */
    readonly messageTtlMs: number;
    readonly stallTimeoutMs: number;
    readonly finishTimeoutMs: number;
    /** Between signs of life while an install runs; 0: none. */
    readonly progressIntervalMs: number;
    readonly ack: 'full' | 'tail';
    /** Of the installed packages: all that a server may be able to read, or surely can. */
    readonly inventory: 'all' | 'strict';
    /** How the server spells its messages; `auto`: as the notify shows. */
    readonly serverDialect: 'auto' | 'P1' | 'P2' | 'P3';
    readonly nodeDialect: 'jsonrpc' | 'rvi-0.4' | 'rvi-0.5';
    readonly tls: {
      readonly ca: string | undefined;
      readonly cert: string | undefined;
      readonly key: string | undefined;
    };
    readonly proxy: ProxyAddress | undefined;
  };
  readonly storage: { readonly directory: string; readonly minFreeBytes: number };
  readonly policy: {
    readonly consent: 'automatic' | 'required';
    /** Packages that nobody accepted, started while an accepted one is under way. */
    readonly dependencies: 'ask' | 'accept';
  };
  readonly installer: InstallerSettings;
  readonly reboot: {
    readonly program: string;
    readonly args: readonly string[];
    /** Exit code 0: the device may reboot now; empty: it always may. */
    readonly allow: readonly string[];
    readonly healthCheck: readonly string[];
  };
  readonly control: {
    readonly socket: string;
    /** A name or a number; undefined: the group of the process. */
    readonly group: string | undefined;
  };
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    readonly format: 'text' | 'json';
  };
};

/** What all installers share. Each installer adds a section of its own (`src/install`). */
export type InstallerSettings<Name extends string = string> = {
  /** An installer that is not listed is never created and never selected. */
  readonly enabled: readonly Name[];
  readonly default: 'auto' | Name;
  readonly rules: readonly { readonly name: string; readonly installer: Name }[];
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  /** For temporary files of an installer and its scripts; empty: below the storage directory. */
  readonly workDirectory: string;
};
