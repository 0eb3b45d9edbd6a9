// The guest with a shell on its serial line: each command has one response.
import { startMachine } from '../powercut/machine.ts';
import { until as waitUntil } from '../support/idle.ts';
import type { MachineOptions } from '../powercut/machine.ts';

export type Shell = {
  /** Resolves with the output; the exit code is that of the last line. */
  run(command: string): Promise<string>;
  /** Repeats the command until its output matches. */
  until(command: string, pattern: RegExp): Promise<string>;
  /** Ends the machine like a power loss. */
  end(): Promise<void>;
};

export async function boot(options: MachineOptions): Promise<Shell> {
  const size = { cpus: 2, memoryMebibytes: 512 };
  const words = 'systemd.show_status=0 loglevel=3';
  const machine = await startMachine({ ...options, size, words });
  const { said } = machine;

  async function run(command: string): Promise<string> {
    const from = said().length;
    machine.type(command);
    const end = () => /^END (\d+)\r?$/m.exec(said().slice(from))?.index;
    const isOver = () => machine.isOver() || end() !== undefined;
    await waitUntil(`an answer to ${command}`, isOver).catch((error: unknown) => {
      throw new Error(`${String(error)}:\n${said()}`);
    });
    const index = end();
    if (index === undefined) throw new Error(`the machine ended in ${command}:\n${said()}`);
    return said()
      .slice(from, from + index)
      .replaceAll('\r', '')
      .trim();
  }

  async function until(command: string, pattern: RegExp): Promise<string> {
    let answer = '';
    await waitUntil(`${String(pattern)} of ${command}`, async () => {
      answer = await run(command);
      return pattern.test(answer);
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}:\n${answer}`);
    });
    return answer;
  }

  await machine.until(/^SHELL READY/m);
  return { run, until, end: machine.cut };
}
