// `accept` and `decline`: the decision of the user on a package.
import { plain } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { reportOtherVersion, requestDaemon } from './daemon-client.ts';
import type { Act } from './ports.ts';

const decide = (command: 'accept' | 'decline'): Act => {
  return async (ports, { settings, words }) => {
    const [name = '', version] = words;
    const reached = await requestDaemon(ports, settings, { command, name, version });
    if (!reached.ok) return reached.exitCode;
    if (!('text' in reached.value)) return reportOtherVersion(ports);
    ports.terminal.out(`${plain(reached.value.text)}\n`);
    return exitCodes.done;
  };
};

export const accept = decide('accept');
export const decline = decide('decline');
