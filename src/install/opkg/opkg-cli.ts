// opkg as a program: its commands, its answers, and the meaning of its texts. Versions before 0.2
// print errors on stdout, so both outputs are read (installers 2.1).
import { askTimeMs, listOutputBytesMax } from '../../limits.ts';
import { createRun, resultSummary } from '../program.ts';
import { payloadVariable } from '../running-installer.ts';
import { stanzasOf } from './status-file.ts';
import type { PackageId, ReportCode } from '../../core/model.ts';
import type { Runner, RunResult } from '../../host/ports.ts';
import type { Listed } from '../installer.ts';
import type { OpkgSettings } from './settings.ts';

export type Found =
  | { readonly kind: 'listed'; readonly version: string; readonly state: string }
  | { readonly kind: 'unlisted' }
  | { readonly kind: 'busy'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** What the output of a command reported, also in the part that is not kept. */
export type Reported = {
  /** A disk or a quota is full. */
  readonly isFull: boolean;
  /** opkg reported an error of its own, or that a write or read failed. */
  readonly isError: boolean;
};

export type Acted = RunResult & { readonly reported: Reported };

export type Opkg = {
  /** Runs a command for the payload at `path`, which may take as long as an install. */
  act(path: string, ...args: readonly string[]): Promise<Acted>;
  find(name: string): Promise<Found>;
  /** Returns the absolute paths that opkg lists for a package; none if it lists none or fails. */
  files(name: string): Promise<readonly string[]>;
  list(): Promise<Listed>;
  summary(result: RunResult): string;
};

export function createOpkgProgram(runner: Runner, settings: OpkgSettings): Opkg {
  const { program } = settings;
  const run = createRun(runner);

  const query = (...args: readonly string[]) =>
    run({
      program,
      args: [...settings.args, ...args],
      timeLimitMs: askTimeMs,
      outputBytesMax: listOutputBytesMax,
    });

  async function act(path: string, ...args: readonly string[]): Promise<Acted> {
    let end = '';
    let reported: Reported = { isFull: false, isError: false };
    const result = await run({
      program,
      args: [...settings.args, ...args],
      environment: payloadVariable(path),
      timeLimitMs: settings.timeoutMs,
      onOutput: (text) => {
        reported = both(reported, reportedIn(end + text));
        end = (end + text).slice(-phraseLengthMax);
      },
    });
    return { ...result, reported: both(reported, reportedIn(outputOf(result))) };
  }

  async function files(name: string): Promise<readonly string[]> {
    const result = await query('files', name);
    if (result.kind !== 'exited' || result.exitCode !== 0) return [];
    // The middle of a longer list is not kept.
    if (result.stdout.length > listOutputBytesMax) return [];
    const lines = result.stdout.split('\n').map((line) => line.replace(/\t.*$/, ''));
    return lines.filter((line) => line.startsWith('/'));
  }

  async function find(name: string): Promise<Found> {
    const result = await query('status', name);
    if (isLocked(result)) return { kind: 'busy', reason: resultSummary(program, result) };
    if (result.kind !== 'exited' || result.exitCode !== 0) {
      return { kind: 'failed', reason: resultSummary(program, result) };
    }
    const known = stanzasOf(result.stdout).filter((one) => one.package === name);
    // Feeds add stanzas of packages that are not installed.
    const listed = known.find(({ state }) => state !== 'not-installed');
    return listed === undefined ? { kind: 'unlisted' } : { kind: 'listed', ...listed };
  }

  async function list(): Promise<Listed> {
    const result = await query('list-installed');
    if (result.kind === 'not-started' && result.code === 'ENOENT') {
      return { ok: 'absent', reason: result.reason };
    }
    if (result.kind !== 'exited' || result.exitCode !== 0) {
      return { ok: false, reason: resultSummary(program, result) };
    }
    if (result.stdout.length > listOutputBytesMax)
      return { ok: false, reason: 'the list is too long' };
    return { ok: true, packages: packagesIn(result.stdout) };
  }

  return {
    act,
    find,
    files,
    list,
    summary: (result) => resultSummary(program, result),
  };
}

/** Lines of `name - version`, and perhaps ` - description`. */
function packagesIn(text: string): readonly PackageId[] {
  return text.split('\n').flatMap((line) => {
    const [, name, version] = /^(\S+) - (\S+)/.exec(line) ?? [];
    return name === undefined || version === undefined ? [] : [{ name, version }];
  });
}

function outputOf(result: RunResult): string {
  return result.kind === 'not-started' ? '' : `${result.stdout}\n${result.stderr}`;
}

/** Returns true if another opkg runs. Then 0.1 does not even answer a query. */
export function isLocked(result: RunResult): boolean {
  const isRefused = result.kind === 'exited' && result.exitCode !== 0;
  return isRefused && /could not lock/i.test(outputOf(result));
}

/** opkg 0.6 refuses a file of the version that it lists; that of OpenWrt does nothing. */
export function isRefusedAsSame(result: RunResult, name: string): boolean {
  const output = outputOf(result);
  if (/refusing to load|matches the installed version/i.test(output)) return true;
  const done = output.matchAll(/package (\S+) \(\S*\) installed in \S+ is up to date/gi);
  return [...done].some(([, one]) => one === name);
}

export function codeOf(result: Acted): ReportCode {
  if (result.reported.isFull) return 'disk-full';
  return /not downgrading package/i.test(outputOf(result)) ? 'old-version' : 'install-failed';
}

/** Longer than every phrase below, so that none is lost between two pieces of output. */
const phraseLengthMax = 200;

/** Of libarchive, libc, BusyBox and opkg. `errno` is 28 for a full disk, 122 for a full quota. */
const full = new RegExp(
  [
    'no space left|disk (?:is )?full|file ?system (?:is )?full|not enough (?:free )?space',
    'insufficient (?:disk )?space|out of (?:disk )?space|only have \\d+ *kb',
    'quota exceeded|errno *[=:]? *(?:28|122)\\b',
    // Not in the name of a package.
    '(?<![-.\\w])(?:ENOSPC|EDQUOT)(?![-.]?\\w)',
    // Without a number it is usually a full disk; with another number it is not.
    'write failed(?!\\W*(?:input|read-only|errno *[=:]? *(?!28\\b|122\\b)\\d))|short write',
  ].join('|'),
  'i',
);

/** Texts of opkg and of the kernel. The "failed" of a script is not an error of opkg. */
const error = new RegExp(
  [
    'collected errors:|^error:|^ \\* \\w+: |warning when extracting|write failed|errno *[=:]? *\\d',
    'input/output error|read-only file system|cannot allocate memory|segmentation fault',
  ].join('|'),
  'im',
);

const reportedIn = (output: string): Reported => ({
  isFull: full.test(output),
  isError: error.test(output),
});

const both = (one: Reported, other: Reported): Reported => ({
  isFull: one.isFull || other.isFull,
  isError: one.isError || other.isError,
});
