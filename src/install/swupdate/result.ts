// What SWUpdate reported and what the device proves, as one outcome with its code and its text for
// the report. Pure.
import { bounded } from '../program.ts';
import type { ReportCode } from '../../core/model.ts';
import type { Evidence } from './evidence.ts';

/** How one start of SWUpdate ended, according to SWUpdate. */
export type Ended =
  | { readonly kind: 'success' | 'failure'; readonly errors: readonly string[] }
  | { readonly kind: 'busy'; readonly reason: string }
  /** Nothing was installed, and the next attempt would end in the same way. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** SWUpdate ended during the install, without a result. */
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'timed-out' };

export type Finished = Exclude<Ended, { readonly kind: 'busy' }>;

export type Outcome =
  | { readonly kind: 'installed'; readonly description: string }
  /** The device had it before; nothing was done. */
  | { readonly kind: 'there-already'; readonly description: string }
  | { readonly kind: 'failed'; readonly code: ReportCode; readonly description: string };

/**
 * `isThereAlready`: SWUpdate skipped all images, and the device had them before; undefined: it
 * skipped them, and nothing shows whether the device has them.
 */
export function conclude(
  ended: Finished,
  evidence: Evidence,
  isThereAlready: boolean | undefined,
): Outcome {
  const result = resultText(ended);
  const both = bounded(`${result}; ${evidence.description}`);
  const failure = (description: string, code: ReportCode): Outcome => {
    return { kind: 'failed', code, description };
  };
  const isShown = evidence.kind === 'installed';
  const isReported = ended.kind === 'success' && evidence.kind !== 'failed';
  if (ended.kind === 'refused') return failure(result, 'install-failed');
  if (isShown || isReported) return { kind: 'installed', description: both };
  if (ended.kind !== 'failure') return failure(both, 'install-failed');
  if (isThereAlready === undefined) {
    const unknown = 'cannot determine whether this version is installed already';
    return failure(`${result}; ${unknown}`, 'install-failed');
  }
  if (!isThereAlready) return failure(result, codeOf(ended.errors));
  return { kind: 'there-already', description: `installed already; SWUpdate: ${result}` };
}

function resultText(ended: Finished): string {
  switch (ended.kind) {
    case 'success':
      return ended.errors.length === 0
        ? 'SWUpdate reported success'
        : `SWUpdate reported success, but: ${reasonOf(ended.errors)}`;
    case 'failure':
      return reasonOf(ended.errors);
    case 'timed-out':
      return 'SWUpdate did not end in time';
    case 'lost':
      return lostText(ended.reason);
    case 'refused':
      return bounded(ended.reason);
  }
}

export const lostText = (reason: string) => `SWUpdate ended during the install: ${reason}`;

// ---------------------------------------------------------------- texts of SWUpdate

/** SWUpdate prints these after every failure. */
const general = [/^SWUpdate \*failed\*/i, /^Installation failed/, /^Image invalid or corrupted/];
const linesMax = 6;

const codes: readonly (readonly [RegExp, ReportCode])[] = [
  [/HASH mismatch|Checksum WRONG|[Ss]ignature|Authentication of|CPIO/, 'validation-failed'],
  [/Not enough free space|No space left/, 'disk-full'],
  [/No downgrading allowed|No reinstalling allowed|Max version set/, 'old-version'],
];

export function codeOf(errors: readonly string[]): ReportCode {
  const text = errors.join('\n');
  return codes.find(([pattern]) => pattern.test(text))?.[1] ?? 'install-failed';
}

/** SWUpdate skipped all images. That is an error for it, also if the device has all of them. */
export function isNothingToDo(errors: readonly string[]): boolean {
  return errors.some((line) => /Found nothing to install|No reinstalling allowed/.test(line));
}

export function reasonOf(errors: readonly string[]): string {
  const plain = errors.map((line) => line.replace(/^ERROR\s*:?\s*/, '').trim());
  const once = [...new Set(plain)].filter((line) => line !== '');
  const specific = once.filter((line) => !general.some((pattern) => pattern.test(line)));
  const lines = (specific.length > 0 ? specific : once).slice(-linesMax).join('; ');
  return bounded(lines === '' ? 'SWUpdate failed and printed no reason' : lines);
}

/** Returns the errors in the output of the program: `[ERROR] : SWUPDATE failed [0] ERROR : why`. */
export function errorsIn(output: string): readonly string[] {
  const pattern = /^\[ERROR\]\s*: SWUPDATE failed \[\d+\] (.*)$/gm;
  return [...output.matchAll(pattern)].map(([, text = '']) => text);
}
