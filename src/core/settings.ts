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
  readonly installer: {
    /** An installer that is not listed is never created and never chosen. */
    readonly enabled: readonly ('opkg' | 'swupdate' | 'command')[];
    readonly default: 'auto' | 'opkg' | 'swupdate' | 'command';
    readonly rules: readonly {
      readonly name: string;
      readonly installer: 'opkg' | 'swupdate' | 'command';
    }[];
    readonly maxAttempts: number;
    readonly timeoutMs: number;
    /** For temporary files of SWUpdate and its scripts; empty: below the storage directory. */
    readonly workDirectory: string;
    readonly opkg: {
      readonly program: string;
      readonly args: readonly string[];
      /** Empty: the places that opkg uses, below the root that `args` name. */
      readonly statusFile: string;
    };
    readonly swupdate: {
      readonly program: string;
      readonly args: readonly string[];
      readonly versionsFile: string;
      /**
       * Says after a run whether the new software is there (exit 0); empty: ustate and
       * sw-versions decide.
       */
      readonly verifyCommand: readonly string[];
      /** Where the daemon's sockets are; empty: the places SWUpdate uses itself. */
      readonly sockets: string;
      /** A .swu is in use only after a reboot, unless it says otherwise itself. */
      readonly reboot: boolean;
    };
    readonly command: { readonly program: string; readonly args: readonly string[] };
  };
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
