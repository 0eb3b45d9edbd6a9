// What the device itself says about an update, whatever SWUpdate said: the configured check, else
// ustate. The versions file alone proves nothing: a part of the update may write it before the rest
// of the update is installed. Read only; the words go into the report.
import { outputBytesMax } from '../../limits.ts';
import { aboutOf, environment } from '../environment.ts';
import { tailOf } from '../describe-result.ts';
import { readDescription } from './description.ts';
import { stateNames } from './ipc.ts';
import { readVersions } from './versions.ts';
import type { Settings } from '../../core/settings.ts';
import type { Disk, Runner } from '../../host/ports.ts';
import type { InstallRequest } from '../installer.ts';
import type { Marker } from './ustate.ts';

export type Evidence =
  | {
      readonly kind: 'installed';
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
  /** Every image was there in its version, and no earlier attempt at this payload put it there. */
  readonly wasThere: boolean;
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
    return { isCleared: said('isCleared') === true, wasThere: said('wasThere') === true };
  } catch {
    return { isCleared: false, wasThere: false };
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
  const { verifyCommand, versionsFile } = settings.swupdate;
  const [program, ...args] = verifyCommand;
  if (program !== undefined) return runCheck(ports, settings, request, program, args);
  const state = before.isCleared ? await marker.read() : undefined;
  const marked = state === undefined ? undefined : ofState(state);
  if (marked !== undefined) return marked;
  const isSame = await hasVersions(ports.disk, versionsFile, request.path);
  if (isSame === true && !before.wasThere) {
    const description =
      `${versionsFile} holds the versions of this update, ` +
      'which a part of the update may have written';
    return { kind: 'nothing', description };
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
  return isPassed ? { kind: 'installed', description } : { kind: 'failed', description };
}

/** Undefined: a state that says nothing of this update. */
function ofState(state: string): Evidence | undefined {
  const description = `ustate is ${state} (${stateNames.get(state) ?? 'unknown'})`;
  switch (state) {
    case '1':
    case '2':
      return { kind: 'installed', description };
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
  const isSame = [...wanted].every(([name, version]) => found.versions.get(name) === version);
  return isSame || found.isWhole ? isSame : undefined;
}
