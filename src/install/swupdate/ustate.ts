// `ustate`, the mark that SWUpdate leaves behind: in the daemon, or in the boot environment. A 1
// of an earlier update reads as success of this one, so it is cleared before each attempt.
import { outputBytesMax } from '../../limits.ts';
import { environment } from '../environment.ts';
import type { Runner } from '../../host/ports.ts';
import type { Control } from './control.ts';

export type Marker = {
  /** The digit; empty: never set; undefined: this device has none that can be read. */
  read(): Promise<string | undefined>;
  /** True: it is known to be neither INSTALLED nor TESTING now. */
  clear(): Promise<boolean>;
};

const okState = '0';
const notAvailable = '4';
const programTimeMs = 60_000;

/** A daemon without a boot environment keeps it in memory: after its restart it says 4. */
export function daemonMarker(control: Control): Marker {
  async function read(): Promise<string | undefined> {
    const state = await control.state();
    return state === notAvailable ? undefined : state;
  }
  async function clear(): Promise<boolean> {
    if ((await read()) === okState) return true;
    return (await control.setState(okState)) && (await read()) === okState;
  }
  return { read, clear };
}

/** U-Boot's, by its own programs; written only when it must be, since that wears flash. */
export function bootMarker(runner: Runner): Marker {
  const run = (program: string, ...args: readonly string[]) =>
    runner({ program, args, environment, timeLimitMs: programTimeMs, outputBytesMax });

  async function read(): Promise<string | undefined> {
    const printed = await run('fw_printenv', '-n', 'ustate');
    if (printed.kind !== 'exited') return undefined;
    if (printed.exitCode === 0) return printed.stdout.trim();
    return /not defined/.test(printed.stderr) ? '' : undefined;
  }
  async function clear(): Promise<boolean> {
    const state = await read();
    if (state === undefined) return false;
    if (state === '' || state === okState) return true;
    await run('fw_setenv', 'ustate', okState);
    return (await read()) === okState;
  }
  return { read, clear };
}
