// What SWUpdate says went wrong, as the code and the sentence of a report.
import { bounded } from '../describe-result.ts';
import type { ReportCode } from '../../core/model.ts';

/** Said after every failure, whatever it was. */
const noise = [/^SWUpdate \*failed\*/i, /^Installation failed/, /^Image invalid or corrupted/];
const saidLinesMax = 6;

const codes: readonly (readonly [RegExp, ReportCode])[] = [
  [/HASH mismatch|Checksum WRONG|[Ss]ignature|Authentication of|CPIO/, 'validation-failed'],
  [/Not enough free space|No space left/, 'disk-full'],
  [/No downgrading allowed|No reinstalling allowed|Max version set/, 'old-version'],
];

export function codeOf(errors: readonly string[]): ReportCode {
  const text = errors.join('\n');
  return codes.find(([pattern]) => pattern.test(text))?.[1] ?? 'install-failed';
}

/** Everything was skipped: SWUpdate calls that an error, also when all is there already. */
export function isNothingToDo(errors: readonly string[]): boolean {
  return errors.some((line) => /Found nothing to install|No reinstalling allowed/.test(line));
}

export function reasonOf(errors: readonly string[]): string {
  const plain = errors.map((line) => line.replace(/^ERROR\s*:?\s*/, '').trim());
  const once = [...new Set(plain)].filter((line) => line !== '');
  const telling = once.filter((line) => !noise.some((pattern) => pattern.test(line)));
  const said = (telling.length > 0 ? telling : once).slice(-saidLinesMax).join('; ');
  return bounded(said === '' ? 'SWUpdate failed and did not say why' : said);
}

/** Of the output of a spawned one: `[ERROR] : SWUPDATE failed [0] ERROR : why`. */
export function errorsIn(output: string): readonly string[] {
  const pattern = /^\[ERROR\]\s*: SWUPDATE failed \[\d+\] (.*)$/gm;
  return [...output.matchAll(pattern)].map(([, text = '']) => text);
}
