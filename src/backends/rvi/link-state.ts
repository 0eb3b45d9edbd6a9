// What the agent knows of the node and of the way to it. Nothing of it is journaled. Types only.

export type Link =
  | { readonly kind: 'closed'; readonly reason: string }
  | {
      readonly kind: 'down';
      readonly failures: number;
      readonly dueMs: number;
      readonly reason: string;
    }
  /** A renewal: what was registered before still carries messages. */
  | { readonly kind: 'registering'; readonly failures: number; readonly isRenewal: boolean }
  /** `failures`: in a row, until the link has carried something. */
  | {
      readonly kind: 'up';
      readonly registeredAtMs: number;
      readonly renewAtMs: number;
      readonly failures: number;
    };

/** From the warning of a failure until the call that failed works again. */
export type Outage = {
  /** `message`: the node answers registrations, but not messages. */
  readonly kind: 'connection' | 'message';
  readonly reason: string;
};

/** Which call to the node failed, and the code of the transport, where there is one. */
export type FailedCall = {
  readonly reason: string;
  readonly call?: 'register' | 'message' | undefined;
  readonly code?: string | undefined;
};

/** What the node tells of the server's services. */
export type ServerAvailability = {
  /** Until when the server counts as away; undefined: it is there, or nobody knows. */
  readonly untilMs: number | undefined;
  /** When it came back the last time. */
  readonly backMs: number | undefined;
};
