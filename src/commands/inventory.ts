// `inventory`: prints the installed packages as the agent sends them to the server, one a line.
import { exitCodes } from './ports.ts';
import { reportOtherVersion, requestDaemon } from './daemon-client.ts';
import { label } from './format.ts';
import type { Act } from './ports.ts';

export const inventory: Act = async (ports, { settings }) => {
  const reached = await requestDaemon(ports, settings, { command: 'inventory' });
  if (!reached.ok) return reached.exitCode;
  if (!('packages' in reached.value)) return reportOtherVersion(ports);
  ports.terminal.out(reached.value.packages.map((id) => `${label(id)}\n`).join(''));
  return exitCodes.done;
};
