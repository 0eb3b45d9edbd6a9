// What the device itself says about an update, whatever SWUpdate said: the configured check, else
// ustate, else the versions. Read only; the words go into the report.
import { outputBytesMax } from '../../limits.ts';
import { aboutOf, environment } from '../environment.ts';
import { tailOf } from '../words.ts';
import { readDescription } from './description.ts';
import { stateNames } from './ipc.ts';
import { readVersions } from './versions.ts';
import type { Settings } from '../../core/settings.ts';
import type { Disk, Runner } from '../../host/ports.ts';
import type { InstallRequest } from '../installer.ts';
import type { Marker } from './marker.ts';

export type Evidence =
  | {
      readonly kind: 'installed';
      readonly by: 'check' | 'ustate' | 'versions';
      readonly description: string;
    }
  | { readonly kind: 'failed'; readonly description: string }
  /** SWUpdate left no mark; it leaves none either where it was told not to. */
  | { readonly kind: 'unmarked'; readonly description: string }
  | { readonly kind: 'nothing'; readonly description: string };

/** Kept in the journal with the intent. */
export type Before = {
  /** ustate said neither INSTALLED nor TESTING: if it does later, that is this update. */
  readonly isCleared: boolean;
  /** The versions were those of the payload already: that they are proves nothing. */
  readonly wasSame: boolean;
};

export function encodeBefore(before: Before): string {
  return JSON.stringify(before);
}

/** What cannot be read proves nothing. */
export function decodeBefore(text: string): Before {
  try {
    const found: unknown = JSON.parse(text);
    const said = (key: string) =>
      typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined;
    return { isCleared: said('isCleared') === true, wasSame: said('wasSame') !== false };
  } catch {
    return { isCleared: false, wasSame: true };
  }
}

export type EvidencePorts = { readonly disk: Disk; readonly runner: Runner };

export async function gather(
  ports: EvidencePorts,
  settings: Settings['installer'],
  request: InstallRequest,
  before: Before,
  marker: Marker,
): Promise<Evidence> {
  const { check, versionsFile } = settings.swupdate;
  const [program, ...args] = check;
  if (program !== undefined) return runCheck(ports, settings, request, program, args);
  const state = before.isCleared ? await marker.read() : undefined;
  const marked = state === undefined ? undefined : ofState(state);
  if (marked !== undefined) return marked;
  const isSame = await hasVersions(ports.disk, versionsFile, request.path);
  if (isSame === true && !before.wasSame) {
    const description = `${versionsFile} holds the versions of this update`;
    return { kind: 'installed', by: 'versions', description };
  }
  return { kind: 'nothing', description: 'nothing on the device can confirm it' };
}

async function runCheck(
  { runner }: EvidencePorts,
  settings: Settings['installer'],
  request: InstallRequest,
  program: string,
  args: readonly string[],
): Promise<Evidence> {
  const result = await runner({
    program,
    args,
    environment: {
      ...environment,
      SOTA_PACKAGE_FILE: request.path,
      ...aboutOf(request),
    },
    timeLimitMs: settings.timeoutMs,
    outputBytesMax,
  });
  const isPassed = result.kind === 'exited' && result.exitCode === 0;
  const description = `the check: ${tailOf(program, result)}`;
  return isPassed
    ? { kind: 'installed', by: 'check', description }
    : { kind: 'failed', description };
}

/** Undefined: a state that says nothing of this update. */
function ofState(state: string): Evidence | undefined {
  const description = `ustate is ${state} (${stateNames.get(state) ?? 'unknown'})`;
  switch (state) {
    case '1':
    case '2':
      return { kind: 'installed', by: 'ustate', description };
    case '3':
    case '5':
      return { kind: 'failed', description };
    case '0':
    case '7':
      return { kind: 'unmarked', description };
    default:
      return undefined;
  }
}

/** Whether the device has every image of the payload in its version; undefined: cannot tell. */
export async function hasVersions(
  disk: Disk,
  versionsFile: string,
  path: string,
): Promise<boolean | undefined> {
  const wanted = (await readDescription(disk, path))?.versions;
  const found = await readVersions(disk, versionsFile);
  if (wanted === undefined || !found.ok) return undefined;
  return [...wanted].every(([name, version]) => found.versions.get(name) === version);
}
