// A way to the RVI node. Knows bytes, sockets and call ids; never what a message means.
import type { Clock, DiskResult, Log, Random } from '../../../host/ports.ts';

export type TransportPorts = { readonly clock: Clock; readonly random: Random; readonly log: Log };

export type Call = {
  /** JSON text of the id, as it stands in `text`. No two that wait have the same. */
  readonly id: string;
  readonly text: string;
  readonly timeLimitMs: number;
};

export type CallFailure = {
  readonly ok: false;
  /**
   * Stable codes: `refused` (nobody there took the connection, or the proxy did not), `timeout`,
   * `closed`, `tls`, `status` (an answer that is no JSON with HTTP status 200), `too-large`,
   * `internal` (an exception in this agent).
   */
  readonly code: string;
  readonly reason: string;
  /** The dates of a certificate and the clock of this device contradict each other. */
  readonly isClockInDoubt?: boolean;
};

export type CallResult = { readonly ok: true; readonly text: string } | CallFailure;

/** The node took the first service, or all of them, or it answered something else. */
export type Registration = 'begun' | 'complete' | 'refused';

export type TransportHandlers = {
  /** A message of the node; what is returned goes back at once. Must not throw, must not wait. */
  readonly receive: (data: Uint8Array) => string | undefined;
  /** JSON text of the id when the data answers a call of ours (WebSocket carries both). */
  readonly answeredId: (data: Uint8Array) => string | undefined;
  /** True while the agent has no room: WebSocket stops reading, HTTP answers busy. */
  readonly isFull: () => boolean;
  /** The way is open: bound (HTTP) or connected (WebSocket). Also after each reconnect. */
  readonly onUp: () => void;
  /** Said once until the way is open again, however often it is tried. */
  readonly onDown: (reason: string) => void;
  /** Called for each request that the listener refused by itself. */
  readonly onRefused?: () => void;
  /** Reply text to a delivery that is too large or comes while full. */
  readonly refusal: (code: 'too-large' | 'busy') => string;
};

export type Transport = {
  /**
   * HTTP: binds the listener. WebSocket: starts to connect and keeps trying. A bind failure is
   * told, and tried again.
   */
  open(handlers: TransportHandlers): void;
  call(call: Call): Promise<CallResult>;
  /**
   * To be called when the agent has room again after `isFull` said true: a paused WebSocket reads
   * on. HTTP has nothing to take up; a node that was told "busy" has forgotten the message.
   */
  resume(): void;
  /**
   * What `register_service` says of us; undefined where the connection itself says it
   * (WebSocket).
   */
  readonly networkAddress: string | undefined;
  /** How the node answered `register_service` with that address; HTTP takes nothing before. */
  readonly onRegistration?: (answer: Registration, address: string | undefined) => void;
  /** HTTP: makes a new secret path; the next registration tells it. */
  readonly renewPath?: () => Promise<DiskResult<void>>;
  /** Ends every connection; calls that wait fail with `closed`. */
  close(): Promise<void>;
};
