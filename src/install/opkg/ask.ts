// opkg as a program: its call, its answers, and what its sentences mean. Versions before 0.2 print
// errors on stdout, so both outputs are read (installers 2).
import { askTimeMs, listOutputBytesMax, outputBytesMax } from '../../limits.ts';
import { environment } from '../environment.ts';
import { markOf } from '../orphan.ts';
import { tailOf } from '../words.ts';
import { stanzasOf } from './status.ts';
import type { PackageId, ReportCode } from '../../core/model.ts';
import type { Settings } from '../../core/settings.ts';
import type { Runner, RunResult } from '../../host/ports.ts';
import type { Listed } from '../installer.ts';

export type Found =
  | { readonly kind: 'listed'; readonly version: string; readonly state: string }
  | { readonly kind: 'unlisted' }
  | { readonly kind: 'busy'; readonly reason: string }
  | { readonly kind: 'unanswered'; readonly reason: string };

export type Opkg = {
  /** A command that may take as long as an install: of the payload at `path`. */
  act(path: string, ...args: readonly string[]): Promise<RunResult>;
  find(name: string): Promise<Found>;
  list(): Promise<Listed>;
  tail(result: RunResult): string;
};

export function createOpkgProgram(runner: Runner, settings: Settings['installer']): Opkg {
  const { program } = settings.opkg;

  function call(args: readonly string[], timeLimitMs: number, mostBytes: number, mark = {}) {
    return runner({
      program,
      args: [...settings.opkg.args, ...args],
      environment: { ...environment, ...mark },
      timeLimitMs,
      outputBytesMax: mostBytes,
    });
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
    if (result.kind === 'not-started' && result.code === 'ENOENT') {
      return { ok: 'absent', reason: result.reason };
    }
    if (result.kind !== 'exited' || result.exitCode !== 0) {
      return { ok: false, reason: tailOf(program, result) };
    }
    if (result.stdout.length > listOutputBytesMax) return { ok: false, reason: 'it is too long' };
    return { ok: true, packages: packagesIn(result.stdout) };
  }

  return {
    act: (path, ...args) => call(args, settings.timeoutMs, outputBytesMax, markOf(path)),
    find,
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
  return result.kind === 'not-started' ? '' : `${result.stdout}\n${result.stderr}`;
}

/** Another opkg runs; 0.1 answers not even a question then. */
export function isLocked(result: RunResult): boolean {
  const isRefused = result.kind === 'exited' && result.exitCode !== 0;
  return isRefused && /could not lock/i.test(saidBy(result));
}

/** 0.6 takes no file of a version that it believes to be there. */
export function isRefusedAsSame(result: RunResult): boolean {
  return /refusing to load|matches the installed version/i.test(saidBy(result));
}

export function codeOf(result: RunResult): ReportCode {
  const said = saidBy(result);
  if (/errno=28\b|no space left on device|only have \d+ *kb/i.test(said)) return 'disk-full';
  return /not downgrading package/i.test(said) ? 'old-version' : 'install-failed';
}
