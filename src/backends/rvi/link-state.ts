// The state of the node and of the link to it. It is not journaled. Types only.

export type Link =
  | { readonly kind: 'closed'; readonly reason: string }
  | {
      readonly kind: 'down';
      readonly failures: number;
      readonly dueMs: number;
      readonly reason: string;
    }
  /** A renewal: the earlier registration still carries messages. */
  | { readonly kind: 'registering'; readonly failures: number; readonly isRenewal: boolean }
  /** `failures`: in a row, until the link carries a message. */
  | {
      readonly kind: 'up';
      readonly registeredAtMs: number;
      readonly renewAtMs: number;
      readonly failures: number;
    };

/** An outage lasts from the first failure until the failed call works again. */
export type Outage = {
  /** `message`: the node answers registrations, but not messages. */
  readonly kind: 'connection' | 'message';
  readonly reason: string;
};

/** The failed call to the node, and the code of the transport if there is one. */
export type FailedCall = {
  readonly reason: string;
  readonly call?: 'register' | 'message' | undefined;
  readonly code?: string | undefined;
};

/** What the node announces about the server's services. */
export type ServerAvailability = {
  /** Until when the server counts as offline; undefined: it is online, or unknown. */
  readonly untilMs: number | undefined;
  /** When the server last came online again. */
  readonly backMs: number | undefined;
};
