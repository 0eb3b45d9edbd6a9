// What the core reads of the configuration. Types only.

export type Settings = {
  readonly policy: {
    readonly consent: 'automatic' | 'required';
    /** Packages without consent that the server starts during an accepted one. */
    readonly dependencies: 'ask' | 'accept';
  };
  readonly installer: { readonly maxAttempts: number; readonly timeoutMs: number };
};
