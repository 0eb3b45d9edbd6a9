// The effective configuration. Reading and checking it: `config.ts`. Types only.
import type { RviSettings } from './backends/rvi/settings.ts';
import type { Settings as CoreSettings } from './core/settings.ts';

export type Settings = {
  readonly device: { readonly vin: string | undefined; readonly uuid: string | undefined };
  readonly rvi: RviSettings;
  readonly storage: { readonly directory: string; readonly minFreeBytes: number };
  readonly policy: CoreSettings['policy'];
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
