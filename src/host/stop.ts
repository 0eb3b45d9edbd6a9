// The orderly stop after a signal. The log contains the signal, the programs that the stop waits
// for, and the effect of further signals.
import { exitCodeAtOnce, exitCodeOf } from './signals.ts';
import type { Log } from './ports.ts';
import type { Signal } from './signals.ts';

/** The daemon that a signal stops. */
export type Stoppable = { stop(): void; waitsFor(): readonly string[] };

export type Stop = {
  onSignal(signal: Signal): void;
  /** Sets what a signal stops. If a signal arrived before, stops it at once. */
  begin(stoppable: Stoppable): void;
  /** Resolves with an exit code if the process must end at once. */
  readonly atOnce: Promise<number>;
  /** Returns the exit code of an orderly stop. */
  exitCode(): number;
};

export function createStop(log: Log): Stop {
  let first: Signal | undefined;
  let running: Stoppable | undefined;
  let endAtOnce: (exitCode: number) => void = () => undefined;
  const atOnce = new Promise<number>((resolve) => (endAtOnce = resolve));

  function stop({ name }: Signal, { stop: begin, waitsFor }: Stoppable): void {
    begin();
    log('info', 'stopping', { signal: name, waits_for: listed(waitsFor()) });
  }

  function onSignal(signal: Signal): void {
    const { name, action } = signal;
    if (action === 'ignore') {
      const reason = name === 'SIGHUP' ? 'the configuration is read at the start only' : undefined;
      return log('info', 'signal-ignored', { signal: name, reason });
    }
    if (first !== undefined) return onFurtherSignal(signal);
    first = signal;
    if (running === undefined) {
      // The daemon has not started, so the process can end at once.
      log('info', 'stopping', { signal: name });
      log('info', 'stopped', {});
      endAtOnce(exitCodeOf(name));
    } else stop(signal, running);
  }

  function onFurtherSignal({ name, action }: Signal): void {
    const waitsFor = listed(running?.waitsFor() ?? []);
    if (action !== 'stop, then end') {
      return log('info', 'signal-ignored', {
        signal: name,
        reason: 'the agent is already stopping',
        waits_for: waitsFor,
      });
    }
    log('warn', 'stopped', { signal: name, left: waitsFor });
    endAtOnce(exitCodeAtOnce(name));
  }

  return {
    onSignal: onSignal,
    begin: (stoppable) => {
      running = stoppable;
      if (first !== undefined) stoppable.stop();
    },
    atOnce,
    exitCode: () => (first === undefined ? 0 : exitCodeOf(first.name)),
  };
}

function listed(texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : texts.join(', ');
}
