// The contract of a transport to the RVI node. It handles bytes, sockets and call ids, and decodes
// no messages.
import type { Clock, DiskResult, Log, Random } from '../../../host/ports.ts';

export type TransportPorts = { readonly clock: Clock; readonly random: Random; readonly log: Log };

export type Call = {
  /** The JSON text of the id in `text`. No two pending calls have the same id. */
  readonly id: string;
  readonly text: string;
  readonly timeLimitMs: number;
};

export type CallFailure = {
  readonly ok: false;
  /**
   * Stable codes: `refused` (host or proxy did not accept the connection), `timeout`, `closed`,
   * `tls`, `status` (an answer other than JSON with HTTP status 200), `too-large`, `internal` (an
   * exception in this agent).
   */
  readonly code: string;
  readonly reason: string;
  /** The dates of a certificate and the clock of this device contradict each other. */
  readonly isClockInDoubt?: boolean;
};

export type CallResult = { readonly ok: true; readonly text: string } | CallFailure;

/** The node registered the first service, or all of them, or its answer was anything else. */
export type Registration = 'begun' | 'complete' | 'refused';

export type TransportHandlers = {
  /** Receives a message of the node and returns the answer. Must not throw, must not wait. */
  readonly receive: (data: Uint8Array) => string | undefined;
  /** Returns the JSON text of the id if the data is an answer (a WebSocket transfers both). */
  readonly answeredId: (data: Uint8Array) => string | undefined;
  /** True while the queue of the agent is full: WebSocket stops reading, HTTP answers busy. */
  readonly isFull: () => boolean;
  /** The listener is bound (HTTP), or the WebSocket is connected, also after each reconnect. */
  readonly onUp: () => void;
  /** Called once per outage, however many attempts fail. */
  readonly onDown: (reason: string) => void;
  /** Called for each request that the listener rejected. */
  readonly onRefused?: () => void;
  /** Returns the answer to a delivery that is too large, or arrives while the queue is full. */
  readonly refusal: (code: 'too-large' | 'busy') => string;
};

export type Transport = {
  /**
   * HTTP: binds the listener. WebSocket: connects. Failures are reported by `onDown`, and retried.
   */
  open(handlers: TransportHandlers): void;
  call(call: Call): Promise<CallResult>;
  /**
   * To be called when the queue has space again after `isFull` returned true: a paused WebSocket
   * continues to read. HTTP does nothing: a node drops a message after the answer "busy".
   */
  resume(): void;
  /**
   * The address for `register_service`; undefined for a WebSocket, on which the node delivers.
   */
  readonly networkAddress: string | undefined;
  /** The result of `register_service` with that address; HTTP rejects deliveries before it. */
  readonly onRegistration?: (answer: Registration, address: string | undefined) => void;
  /** HTTP: makes a new secret path, which the next registration contains. */
  readonly renewPath?: () => Promise<DiskResult<void>>;
  /** Closes every connection; pending calls fail with `closed`. */
  close(): Promise<void>;
};
