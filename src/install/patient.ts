// Failures to start a program that pass by themselves: no free descriptor, process or memory.
// They say nothing about the update, so they must not decide its outcome.
import type { Clock, Runner, RunResult } from '../host/ports.ts';

/** ETXTBSY: somebody still writes the program. */
const passingCodes = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'ETXTBSY'];
const pauseMs = { min: 100, max: 2_000 };
const triesMax = 8;

export function isPassingCode(code: string): boolean {
  return passingCodes.includes(code);
}

/** Returns true if the program did not start, and may start later. */
export function isPassing(result: RunResult): boolean {
  return result.kind === 'startup-failed' && isPassingCode(result.code);
}

/** Acts again while `isToRepeat` says so of the result, for some ten seconds. */
export async function patiently<T>(
  clock: Clock,
  act: () => Promise<T>,
  isToRepeat: (result: T) => boolean,
): Promise<T> {
  let result = await act();
  for (let tries = 1; isToRepeat(result) && tries < triesMax; tries++) {
    const delayMs = Math.min(pauseMs.min * 2 ** tries, pauseMs.max);
    await new Promise<void>((resolve) => void clock.after(delayMs, resolve));
    result = await act();
  }
  return result;
}

/** Starts again after a failure that passes, for some ten seconds. */
export function patientRunner(ports: { readonly runner: Runner; readonly clock: Clock }): Runner {
  const { runner, clock } = ports;
  return (request) => patiently(clock, () => runner(request), isPassing);
}
