// The programs that installers run: their environment, failures to start that pass, and sentences
// about their end that are short enough for a report.
import { descriptionBytesMax, outputBytesMax } from '../limits.ts';
import type { Runner, RunRequest, RunResult } from '../host/ports.ts';
import type { InstallRequest } from './installer.ts';

/** Programs inherit nothing (docs/integrate/installers.md). */
export const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C',
} as const;

/** `environment` is added to that of every program. */
export type Call = Pick<RunRequest, 'program' | 'args' | 'timeLimitMs' | 'onOutput'> &
  Partial<Pick<RunRequest, 'environment' | 'outputBytesMax'>>;

export type Run = (call: Call) => Promise<RunResult>;

export function createRun(runner: Runner): Run {
  return (call) =>
    runner({ outputBytesMax, ...call, environment: { ...environment, ...call.environment } });
}

/** The variables that describe a package; only some servers send a signature and a description. */
export function packageVariables({
  id,
  update,
}: Pick<InstallRequest, 'id' | 'update'>): RunRequest['environment'] {
  const variables = { SOTA_PACKAGE_NAME: id.name, SOTA_PACKAGE_VERSION: id.version };
  if (update === undefined) return variables;
  const { signature, description } = update;
  return {
    ...variables,
    SOTA_PACKAGE_SIGNATURE: signature,
    SOTA_PACKAGE_DESCRIPTION: description,
  };
}

export function isSuccess(result: RunResult): boolean {
  return result.kind === 'exited' && result.exitCode === 0;
}

/** No free descriptor, process or memory. ETXTBSY: another process writes the program. */
const transientCodes = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'ETXTBSY'];

/** Returns true if the same call may succeed later. It proves nothing about the update. */
export function isTransientCode(code: string): boolean {
  return transientCodes.includes(code);
}

/** Returns true if the program did not start, and may start later. */
export function isTransient(result: RunResult): boolean {
  return result.kind === 'not-started' && isTransientCode(result.code);
}

/** Returns how the program ended, and its output. */
export function resultSummary(program: string, result: RunResult): string {
  if (result.kind === 'not-started') return bounded(result.reason);
  const end = endOf(program, result);
  const output = `${result.stdout}\n${result.stderr}`.trim();
  return bounded(output === '' ? end : `${end}: ${output}`);
}

/** Returns the last line of the output, else how the program ended. */
export function lastLineOf(program: string, result: RunResult): string {
  if (result.kind === 'not-started') return bounded(result.reason);
  const lines = `${result.stderr}\n${result.stdout}`.split('\n').map((line) => line.trim());
  return bounded(lines.findLast((line) => line !== '') ?? endOf(program, result));
}

function endOf(program: string, result: Exclude<RunResult, { readonly kind: 'not-started' }>) {
  switch (result.kind) {
    case 'exited':
      return `${program} exited with ${result.exitCode}`;
    case 'killed':
      return `${program} was ended by ${result.signal}`;
    case 'timed-out':
      return `${program} did not end in time`;
  }
}

/**
 * Returns a text that fits into a report: the beginning and the end, without the middle. No lone
 * surrogate is left.
 */
export function bounded(text: string): string {
  const data = Buffer.from(text);
  if (data.length <= descriptionBytesMax) return data.toString();
  const half = Math.floor(descriptionBytesMax / 2) - 4;
  const [head, tail] = [data.subarray(0, half), data.subarray(data.length - half)];
  return `${head.toString()} … ${tail.toString()}`.replaceAll('\ufffd', '');
}
