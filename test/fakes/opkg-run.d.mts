type Environment = { readonly [name: string]: string };

export type OpkgPorts = {
  /** Of the process, for the lock. */
  readonly pid: number;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Runs `sh` with these arguments; returns its exit code. */
  readonly script: (args: readonly string[], more: Environment) => number | null;
  readonly kill: (signal: string) => never;
};

export function runOpkg(given: readonly string[], ports: OpkgPorts): number;
