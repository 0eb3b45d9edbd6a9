// From the first signal to the orderly stop: which signal it was, what it still waits for, and what
// further signals do. All of it is told in the log.
import { exitCodeAtOnce, exitCodeOf } from './signals.ts';
import type { Log } from './ports.ts';
import type { Signal } from './signals.ts';

/** What is to be stopped. */
export type Stoppable = { stop(): void; waitsFor(): readonly string[] };

export type Stop = {
  onSignal(signal: Signal): void;
  /** From now on there is something to stop; a signal that came before stops it now. */
  begin(stoppable: Stoppable): void;
  /** Resolves with an exit code when nothing more is to be waited for. */
  readonly atOnce: Promise<number>;
  /** Of an orderly stop. */
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
      // Nothing has begun that the next start would not do as well.
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
        reason: 'it stops already',
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
