// What the device proves about an update, whatever SWUpdate reported: the configured program, else
// `ustate`. The versions file proves nothing: a part of the update may write it before the rest is
// installed. Only `clear` of a marker writes.
import { nameBytesMax } from '../../limits.ts';
import { jsonObject, readStart } from '../files.ts';
import { createRun, isSuccess, packageVariables, resultSummary } from '../program.ts';
import { payloadVariable } from '../running-installer.ts';
import { readDescription } from './sw-description.ts';
import type { Disk, Runner } from '../../host/ports.ts';
import type { InstallRequest } from '../installer.ts';
import type { Control } from './control-socket.ts';
import type { SwupdateSettings } from './settings.ts';

export type Evidence = {
  readonly kind:
    | 'installed'
    | 'failed'
    /** SWUpdate left no mark. It leaves none either if its configuration disables marks. */
    | 'unmarked'
    | 'nothing';
  readonly description: string;
};

/** The journal keeps it with the attempt. */
export type Before = {
  /** `ustate` was neither INSTALLED nor TESTING: if it is so later, this update caused it. */
  readonly isCleared: boolean;
  /** Every image was there in its version, and no earlier attempt to install it put it there. */
  readonly wasThere: boolean;
};

export function encodeBefore(before: Before): string {
  return JSON.stringify(before);
}

/** A text that cannot be read proves nothing. */
export function decodeBefore(text: string): Before {
  const { isCleared, wasThere } = jsonObject(text);
  return { isCleared: isCleared === true, wasThere: wasThere === true };
}

export type EvidencePorts = { readonly disk: Disk; readonly runner: Runner };

/** Returns what proves the update: the result of `verify_command`, else `ustate`, else nothing. */
export async function gather(
  ports: EvidencePorts,
  settings: SwupdateSettings,
  request: InstallRequest,
  before: Before,
  marker: Marker,
): Promise<Evidence> {
  const { verifyCommand, versionsFile } = settings;
  const [program, ...args] = verifyCommand;
  if (program !== undefined)
    return runVerifyCommand(ports.runner, settings, request, program, args);
  const state = before.isCleared ? await marker.read() : undefined;
  const marked = state === undefined ? undefined : evidenceOfState(state);
  if (marked !== undefined) return marked;
  const isSame = await hasVersions(ports.disk, versionsFile, request.path);
  const versions = `${versionsFile} has the versions of this update`;
  const description =
    isSame === true && !before.wasThere
      ? `${versions}, which a part of the update may have written`
      : 'nothing on the device can confirm it';
  return { kind: 'nothing', description };
}

async function runVerifyCommand(
  runner: Runner,
  { timeoutMs: timeLimitMs }: SwupdateSettings,
  request: InstallRequest,
  program: string,
  args: readonly string[],
): Promise<Evidence> {
  const variables = { ...payloadVariable(request.path), ...packageVariables(request) };
  const result = await createRun(runner)({ program, args, environment: variables, timeLimitMs });
  const description = `the verify command: ${resultSummary(program, result)}`;
  return { kind: isSuccess(result) ? 'installed' : 'failed', description };
}

// ---------------------------------------------------------------- ustate

/**
 * `ustate`, which SWUpdate writes into the memory of the daemon or into the boot environment. An
 * INSTALLED of an earlier update would count as the success of this one, so each attempt clears it.
 */
export type Marker = {
  /** Returns the digit; empty: it was never set; undefined: this device has none. */
  read(): Promise<string | undefined>;
  /** Returns true if the state is neither INSTALLED nor TESTING after the call. */
  clear(): Promise<boolean>;
};

/** A digit, also in the boot environment (installers 1.4). */
const states: { readonly [digit: string]: readonly [string, Evidence['kind'] | undefined] } = {
  0: ['OK', 'unmarked'],
  1: ['INSTALLED', 'installed'],
  2: ['TESTING', 'installed'],
  3: ['FAILED', 'failed'],
  4: ['NOT_AVAILABLE', undefined],
  5: ['ERROR', 'failed'],
  6: ['WAIT', undefined],
  7: ['IN_PROGRESS', 'unmarked'],
};
const okState = '0';
const notAvailable = '4';
const programTimeMs = 60_000;

/** Undefined: the state proves nothing about this update. */
function evidenceOfState(state: string): Evidence | undefined {
  const [name, kind] = states[state] ?? [];
  return kind === undefined ? undefined : { kind, description: `ustate is ${state} (${name})` };
}

/** A daemon without a boot environment has it in memory: after its restart it is 4. */
export function daemonMarker(control: Control): Marker {
  async function read(): Promise<string | undefined> {
    const state = await control.readState();
    return state === notAvailable ? undefined : state;
  }
  async function clear(): Promise<boolean> {
    if ((await read()) === okState) return true;
    return (await control.writeState(okState)) && (await read()) === okState;
  }
  return { read, clear };
}

/** The variable of U-Boot, through its programs. Written only if necessary: a write wears flash. */
export function bootMarker(runner: Runner): Marker {
  const run = (program: string, ...args: readonly string[]) =>
    createRun(runner)({ program, args, timeLimitMs: programTimeMs });

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

// ---------------------------------------------------------------- /etc/sw-versions

/** SWUpdate reads this file and never writes it; images and scripts do. */
const versionsBytesMax = 262_144;

export type Versions =
  | {
      readonly ok: true;
      readonly versions: ReadonlyMap<string, string>;
      /** False: some bytes are not UTF-8, so an image without a version may have one. */
      readonly isWhole: boolean;
    }
  | { readonly ok: false; readonly isAbsent: boolean; readonly reason: string };

export async function readVersions(disk: Disk, path: string): Promise<Versions> {
  const read = await readStart(disk, path, versionsBytesMax);
  if (!read.ok) {
    const reason = `cannot read ${path}: ${read.reason}`;
    return { ok: false, isAbsent: read.code === 'ENOENT', reason };
  }
  const text = Buffer.from(read.value).toString();
  return { ok: true, versions: parseVersions(text), isWhole: !text.includes('\ufffd') };
}

/** Lines of a name and a version; others are skipped. */
export function parseVersions(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/));
  return new Map(
    lines.flatMap(([name = '', version, ...more]): readonly (readonly [string, string])[] => {
      const isPair = version !== undefined && more.length === 0;
      return isPair && isShort(name) && isShort(version) ? [[name, version]] : [];
    }),
  );
}

function isShort(text: string): boolean {
  return Buffer.byteLength(text) <= nameBytesMax;
}

/** Returns true if the device has every image of the payload in its version; undefined: unknown. */
export async function hasVersions(
  disk: Disk,
  versionsFile: string,
  path: string,
): Promise<boolean | undefined> {
  const wanted = (await readDescription(disk, path))?.versions;
  const found = await readVersions(disk, versionsFile);
  if (wanted === undefined || !found.ok) return undefined;
  const isSame = [...wanted].every(([name, version]) => found.versions.get(name) === version);
  return isSame || found.isWhole ? isSame : undefined;
}
