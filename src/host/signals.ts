// The action of each signal in `run`. Without a handler, most of them end a process without a log
// line. Not listed: KILL and STOP, which no process can catch; signals of a defect (ABRT, BUS, FPE,
// ILL, SEGV, SYS, TRAP), after which no handler may run; signals of the terminal, which only pause
// the process (TSTP, TTIN, TTOU); PIPE and XFSZ, which Node ignores, because the failed write
// reports the same; real-time signals, which Node cannot catch.
import { constants } from 'node:os';
import process from 'node:process';

export type SignalAction =
  /** An orderly stop; a second signal changes nothing. */
  | 'stop'
  /** An orderly stop; a second signal ends the process at once. */
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

/** Calls `act` for each of these signals until the process ends. */
export function onSignals(act: (signal: Signal) => void): void {
  for (const [name, action] of Object.entries(signalActions)) {
    if (isSignal(name)) process.on(name, () => act({ name, action }));
  }
}

/** Returns the exit code of an orderly stop: 0 for the signals of service managers and users. */
export function exitCodeOf(name: NodeJS.Signals): number {
  return name === 'SIGTERM' || name === 'SIGINT' ? 0 : exitCodeAtOnce(name);
}

/** Returns the code with which a shell reports a process that a signal ended. */
export function exitCodeAtOnce(name: NodeJS.Signals): number {
  return 128 + constants.signals[name];
}

function isSignal(name: string): name is NodeJS.Signals {
  return name in constants.signals;
}
