// What the core reads of the configuration. Types only.

export type Settings = {
  readonly policy: {
    readonly consent: 'automatic' | 'required';
    /** Packages that nobody accepted, started while an accepted one is under way. */
    readonly dependencies: 'ask' | 'accept';
  };
  readonly installer: { readonly maxAttempts: number; readonly timeoutMs: number };
};
