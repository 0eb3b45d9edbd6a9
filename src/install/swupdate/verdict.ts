// What SWUpdate said and what the device says, made into one outcome. Pure.
import { bounded } from '../describe-result.ts';
import { codeOf, reasonOf } from './messages.ts';
import type { ReportCode } from '../../core/model.ts';
import type { Evidence } from './evidence.ts';
import type { Ended } from './stream-image.ts';

export type Outcome =
  | { readonly kind: 'installed'; readonly description: string }
  /** The device had it before; nothing was done. */
  | { readonly kind: 'there-already'; readonly description: string }
  | { readonly kind: 'failed'; readonly code: ReportCode; readonly description: string };

type Over = Exclude<Ended, { readonly kind: 'busy' }>;

/** `isThereAlready`: SWUpdate skipped everything, and so it was; undefined: cannot tell. */
export function conclude(
  ended: Over,
  evidence: Evidence,
  isThereAlready: boolean | undefined,
): Outcome {
  const said = sentenceOf(ended);
  const both = bounded(`${said}; ${evidence.description}`);
  const code = 'errors' in ended ? codeOf(ended.errors) : 'install-failed';
  switch (ended.kind) {
    case 'success':
      if (evidence.kind !== 'failed') return { kind: 'installed', description: both };
      return { kind: 'failed', code: 'install-failed', description: both };
    case 'failure':
      if (evidence.kind === 'installed') return { kind: 'installed', description: both };
      if (isThereAlready === undefined) {
        const cannotTell = 'cannot tell whether this version is installed already';
        return { kind: 'failed', code: 'install-failed', description: `${said}; ${cannotTell}` };
      }
      if (isThereAlready) {
        return { kind: 'there-already', description: `installed already; SWUpdate: ${said}` };
      }
      return { kind: 'failed', code, description: said };
    case 'late':
    case 'lost':
      if (evidence.kind === 'installed') return { kind: 'installed', description: both };
      return { kind: 'failed', code, description: both };
    case 'refused':
      return { kind: 'failed', code, description: said };
  }
}

function sentenceOf(ended: Over): string {
  switch (ended.kind) {
    case 'success':
      return ended.errors.length === 0
        ? 'SWUpdate reported success'
        : `SWUpdate reported success, but: ${reasonOf(ended.errors)}`;
    case 'failure':
      return reasonOf(ended.errors);
    case 'late':
      return 'SWUpdate did not end in time';
    case 'lost':
      return `SWUpdate ended in the middle: ${ended.reason}`;
    case 'refused':
      return bounded(ended.reason);
  }
}
