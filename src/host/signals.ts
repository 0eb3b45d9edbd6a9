// What each signal does to `run`. Without a handler nearly all of them end a process without a log
// line. Not listed: KILL and STOP, which nobody can catch; those of a defect (ABRT, BUS, FPE, ILL,
// SEGV, SYS, TRAP), after which no handler may run; those of the terminal, which only stop it for a
// while (TSTP, TTIN, TTOU); PIPE and XFSZ, which Node ignores, because the failed write says the
// same; real-time signals, which Node cannot catch.
import { constants } from 'node:os';
import process from 'node:process';

export type SignalAction =
  /** An orderly stop; a second one changes nothing. */
  | 'stop'
  /** An orderly stop; a second one ends it at once, whatever still runs. */
  | 'stop, then end'
  | 'ignore';

export type Signal = { readonly name: NodeJS.Signals; readonly action: SignalAction };

export const signalActions: { readonly [name in NodeJS.Signals]?: SignalAction } = {
  SIGTERM: 'stop',
  SIGINT: 'stop, then end',
  SIGQUIT: 'stop, then end',
  SIGHUP: 'ignore',
  SIGUSR1: 'ignore',
  SIGUSR2: 'stop',
  SIGALRM: 'stop',
  SIGVTALRM: 'stop',
  SIGPROF: 'stop',
  SIGIO: 'stop',
  SIGPWR: 'stop',
  SIGXCPU: 'stop',
  SIGSTKFLT: 'stop',
};

/** Calls `act` for each of these signals from now on, until the process is gone. */
export function onSignals(act: (signal: Signal) => void): void {
  for (const [name, action] of Object.entries(signalActions)) {
    if (isSignal(name)) process.on(name, () => act({ name, action }));
  }
}

/** Of an orderly stop: 0 for the two that a service manager and a person use. */
export function exitCodeOf(name: NodeJS.Signals): number {
  return name === 'SIGTERM' || name === 'SIGINT' ? 0 : exitCodeAtOnce(name);
}

/** As a shell reports a process that a signal ended. */
export function exitCodeAtOnce(name: NodeJS.Signals): number {
  return 128 + constants.signals[name];
}

function isSignal(name: string): name is NodeJS.Signals {
  return name in constants.signals;
}
