// Sentences about a program that ran, short enough for a report.
import { descriptionBytesMax } from '../limits.ts';
import type { RunResult } from '../host/ports.ts';

/** What became of it, and the last of what it said. */
export function tailOf(program: string, result: RunResult): string {
  if (result.kind === 'startup-failed') return bounded(result.reason);
  const said = `${result.stdout}\n${result.stderr}`.trim();
  return bounded(said === '' ? endOf(program, result) : `${endOf(program, result)}: ${said}`);
}

/** The last line that it printed, else what became of it. */
export function lastLineOf(program: string, result: RunResult): string {
  if (result.kind === 'startup-failed') return bounded(result.reason);
  const lines = `${result.stderr}\n${result.stdout}`.split('\n').map((line) => line.trim());
  const last = lines.findLast((line) => line !== '');
  return bounded(last === undefined ? endOf(program, result) : last);
}

function endOf(program: string, result: Exclude<RunResult, { readonly kind: 'startup-failed' }>) {
  switch (result.kind) {
    case 'exited':
      return `${program} exited with ${result.exitCode}`;
    case 'killed':
      return `${program} was ended by ${result.signal}`;
    case 'timed-out':
      return `${program} did not end in time`;
  }
}

/** The beginning says what, the end says why; the middle goes first. No lone surrogate passes. */
export function bounded(text: string): string {
  const data = Buffer.from(text);
  if (data.length <= descriptionBytesMax) return data.toString();
  const half = Math.floor(descriptionBytesMax / 2) - 4;
  const [head, tail] = [data.subarray(0, half), data.subarray(data.length - half)];
  return `${head.toString()} … ${tail.toString()}`.replaceAll('\ufffd', '');
}
