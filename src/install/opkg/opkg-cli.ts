// opkg as a program: its call, its answers, and what its sentences mean. Versions before 0.2 print
// errors on stdout, so both outputs are read (installers 2).
import { askTimeMs, listOutputBytesMax, outputBytesMax } from '../../limits.ts';
import { environment } from '../environment.ts';
import { markOf } from '../running-installer.ts';
import { tailOf } from '../describe-result.ts';
import { stanzasOf } from './status.ts';
import type { PackageId, ReportCode } from '../../core/model.ts';
import type { Settings } from '../../core/settings.ts';
import type { Runner, RunRequest, RunResult } from '../../host/ports.ts';
import type { Listed } from '../installer.ts';

export type Found =
  | { readonly kind: 'listed'; readonly version: string; readonly state: string }
  | { readonly kind: 'unlisted' }
  | { readonly kind: 'busy'; readonly reason: string }
  | { readonly kind: 'unanswered'; readonly reason: string };

/** What a command said on the way, also where more was said than is kept. */
export type Heard = {
  /** A disk or a quota is full. */
  readonly isFull: boolean;
  /** opkg reported an error of its own, or that a write or read failed. */
  readonly isError: boolean;
};

export type Acted = RunResult & { readonly heard: Heard };

export type Opkg = {
  /** A command that may take as long as an install: of the payload at `path`. */
  act(path: string, ...args: readonly string[]): Promise<Acted>;
  find(name: string): Promise<Found>;
  /** The absolute paths that opkg lists for a package; empty if it lists none or fails. */
  files(name: string): Promise<readonly string[]>;
  list(): Promise<Listed>;
  tail(result: RunResult): string;
};

export function createOpkgProgram(runner: Runner, settings: Settings['installer']): Opkg {
  const { program } = settings.opkg;

  function call(
    args: readonly string[],
    timeLimitMs: number,
    mostBytes: number,
    more: Pick<RunRequest, 'onOutput'> & { readonly mark?: RunRequest['environment'] } = {},
  ) {
    const { mark = {}, ...heard } = more;
    return runner({
      ...heard,
      program,
      args: [...settings.opkg.args, ...args],
      environment: { ...environment, ...mark },
      timeLimitMs,
      outputBytesMax: mostBytes,
    });
  }

  async function act(path: string, ...args: readonly string[]): Promise<Acted> {
    let end = '';
    let heard: Heard = { isFull: false, isError: false };
    const onOutput = (text: string) => {
      heard = both(heard, heardIn(end + text));
      end = (end + text).slice(-phraseMost);
    };
    const mark = markOf(path);
    const result = await call(args, settings.timeoutMs, outputBytesMax, { mark, onOutput });
    return { ...result, heard: both(heard, heardIn(saidBy(result))) };
  }

  async function files(name: string): Promise<readonly string[]> {
    const result = await call(['files', name], askTimeMs, listOutputBytesMax);
    if (result.kind !== 'exited' || result.exitCode !== 0) return [];
    // The middle of a longer list is not kept.
    if (result.stdout.length > listOutputBytesMax) return [];
    const lines = result.stdout.split('\n').map((line) => line.replace(/\t.*$/, ''));
    return lines.filter((line) => line.startsWith('/'));
  }

  async function find(name: string): Promise<Found> {
    const result = await call(['status', name], askTimeMs, listOutputBytesMax);
    if (isLocked(result)) return { kind: 'busy', reason: tailOf(program, result) };
    if (result.kind !== 'exited' || result.exitCode !== 0) {
      return { kind: 'unanswered', reason: tailOf(program, result) };
    }
    const known = stanzasOf(result.stdout).filter((one) => one.package === name);
    // Feeds add stanzas of what could be installed.
    const there = known.find(({ state }) => state !== 'not-installed');
    return there === undefined ? { kind: 'unlisted' } : { kind: 'listed', ...there };
  }

  async function list(): Promise<Listed> {
    const result = await call(['list-installed'], askTimeMs, listOutputBytesMax);
    if (result.kind === 'startup-failed' && result.code === 'ENOENT') {
      return { ok: 'absent', reason: result.reason };
    }
    if (result.kind !== 'exited' || result.exitCode !== 0) {
      return { ok: false, reason: tailOf(program, result) };
    }
    if (result.stdout.length > listOutputBytesMax) return { ok: false, reason: 'it is too long' };
    return { ok: true, packages: packagesIn(result.stdout) };
  }

  return {
    act,
    find,
    files,
    list,
    tail: (result) => tailOf(program, result),
  };
}

/** Lines of `name - version`, or with ` - description` behind them. */
function packagesIn(text: string): readonly PackageId[] {
  return text.split('\n').flatMap((line) => {
    const [, name, version] = /^(\S+) - (\S+)/.exec(line) ?? [];
    return name === undefined || version === undefined ? [] : [{ name, version }];
  });
}

function saidBy(result: RunResult): string {
  return result.kind === 'startup-failed' ? '' : `${result.stdout}\n${result.stderr}`;
}

/** Another opkg runs; 0.1 answers not even a question then. */
export function isLocked(result: RunResult): boolean {
  const isRefused = result.kind === 'exited' && result.exitCode !== 0;
  return isRefused && /could not lock/i.test(saidBy(result));
}

/** 0.6 refuses a file of the version that it lists; OpenWrt's takes it for done. */
export function isRefusedAsSame(result: RunResult, name: string): boolean {
  const said = saidBy(result);
  if (/refusing to load|matches the installed version/i.test(said)) return true;
  const done = said.matchAll(/package (\S+) \(\S*\) installed in \S+ is up to date/gi);
  return [...done].some(([, one]) => one === name);
}

export function codeOf(result: Acted): ReportCode {
  if (result.heard.isFull) return 'disk-full';
  return /not downgrading package/i.test(saidBy(result)) ? 'old-version' : 'install-failed';
}

/** Longer than any phrase below, so that none is lost between two pieces of output. */
const phraseMost = 200;

/** By libarchive, libc, BusyBox and opkg. `errno` of a full disk is 28, of a full quota 122. */
const full = new RegExp(
  [
    'no space left|disk (?:is )?full|file ?system (?:is )?full|not enough (?:free )?space',
    'insufficient (?:disk )?space|out of (?:disk )?space|only have \\d+ *kb',
    'quota exceeded|errno *[=:]? *(?:28|122)\\b',
    // Not as a part of the name of a package.
    '(?<![-.\\w])(?:ENOSPC|EDQUOT)(?![-.]?\\w)',
    // Without a number it is a full disk most of the time; with another one it is not.
    'write failed(?!\\W*(?:input|read-only|errno *[=:]? *(?!28\\b|122\\b)\\d))|short write',
  ].join('|'),
  'i',
);

/** The words of opkg and of the kernel. A script may write "failed" without any harm. */
const error = new RegExp(
  [
    'collected errors:|^error:|^ \\* \\w+: |warning when extracting|write failed|errno *[=:]? *\\d',
    'input/output error|read-only file system|cannot allocate memory|segmentation fault',
  ].join('|'),
  'im',
);

const heardIn = (said: string): Heard => ({ isFull: full.test(said), isError: error.test(said) });

const both = (one: Heard, other: Heard): Heard => ({
  isFull: one.isFull || other.isFull,
  isError: one.isError || other.isError,
});
