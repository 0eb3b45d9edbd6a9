// The configuration of the RVI backend, and what else of the configuration it reads. Types only.
import type { Settings as CoreSettings } from '../../core/settings.ts';

/** Of an HTTP proxy, as its URL names it. */
export type ProxyAddress = {
  readonly isSecure: boolean;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Value of the header that names user and password; undefined: the URL has none. */
  readonly authorization: string | undefined;
};

export type RviSettings = {
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
  /** Chunks that an ack lists: all that are stored, the last two, or what the server requires. */
  readonly ack: 'auto' | 'full' | 'tail';
  /** Of the installed packages: all that a server may be able to read, or surely can. */
  readonly inventory: 'all' | 'strict';
  /** Dialect of the messages of the server; `auto`: as the notify shows. */
  readonly serverDialect: 'auto' | 'P1' | 'P2' | 'P3';
  readonly nodeDialect: 'jsonrpc' | 'rvi-0.4' | 'rvi-0.5';
  readonly tls: {
    readonly ca: string | undefined;
    readonly cert: string | undefined;
    readonly key: string | undefined;
  };
  readonly proxy: ProxyAddress | undefined;
};

export type Settings = CoreSettings & {
  readonly device: { readonly vin: string | undefined; readonly uuid: string | undefined };
  readonly rvi: RviSettings;
  readonly storage: { readonly directory: string };
};
