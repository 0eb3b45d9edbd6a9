// `accept` and `decline`: a person's word on a package that waits for it.
import { plain } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { odd, reach } from './daemon-client.ts';
import type { Act } from './ports.ts';

const say = (command: 'accept' | 'decline'): Act => {
  return async (ports, { settings, words }) => {
    const [name = '', version] = words;
    const reached = await reach(ports, settings, { command, name, version });
    if (!reached.ok) return reached.exitCode;
    if (!('text' in reached.value)) return odd(ports);
    ports.terminal.out(`${plain(reached.value.text)}\n`);
    return exitCodes.done;
  };
};

export const accept = say('accept');
export const decline = say('decline');
