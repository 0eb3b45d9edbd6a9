// The guest with a shell on its serial line: one command, one answer.
import { setTimeout as pause } from 'node:timers/promises';
import { startMachine } from '../powercut/machine.ts';
import type { MachineOptions } from '../powercut/machine.ts';

export type Shell = {
  /** What it printed; the exit code is the last line's. */
  run(command: string): Promise<string>;
  /** Asks until what is said matches. */
  until(command: string, pattern: RegExp): Promise<string>;
  /** The power goes. */
  end(): Promise<void>;
};

const limitMs = 240_000;

export async function boot(options: MachineOptions): Promise<Shell> {
  const size = { cpus: 2, memoryMebibytes: 512 };
  const words = 'systemd.show_status=0 loglevel=3';
  const machine = await startMachine({ ...options, size, words });
  const { said } = machine;

  async function run(command: string): Promise<string> {
    const from = said().length;
    machine.type(command);
    for (let waitedMs = 0; waitedMs < limitMs && !machine.isOver(); waitedMs += 50) {
      const found = /^END (\d+)\r?$/m.exec(said().slice(from));
      if (found !== null) {
        return said()
          .slice(from, from + found.index)
          .replaceAll('\r', '')
          .trim();
      }
      await pause(50);
    }
    throw new Error(`no answer to ${command}${machine.isOver() ? ', it ended' : ''}:\n${said()}`);
  }

  async function until(command: string, pattern: RegExp): Promise<string> {
    const endMs = Date.now() + limitMs;
    for (;;) {
      const answer = await run(command);
      if (pattern.test(answer)) return answer;
      if (Date.now() > endMs) throw new Error(`no ${String(pattern)} of ${command}:\n${answer}`);
      await pause(300);
    }
  }

  await machine.until(/^SHELL READY/m, limitMs);
  return { run, until, end: machine.cut };
}
